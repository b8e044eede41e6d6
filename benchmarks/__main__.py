"""Measure the library: python -m benchmarks [what ...]; prints tables, and writes them as JSON,
where what was measured before stays, if it was not measured again.

step        the training step against the plain schedule
full        the same with WRN-16-4 and the authors' full ResNet18, 64 images
options     what weight perturbation and averaged weights add to a step
cost        the step as batch size, width, attack steps and image size grow
attack      PGD-20 against other loops: torchattacks and foolbox too, where they are installed;
            with --weights and --data also for metrics that ask for less
memory      peak memory of a step and of an attack
overhead    what a step spends outside the models
roofline    the limits of this machine, and where the layers of a network lie below them
imports     what importing each module and asking each command for help takes
precision   half precision in the attack (needs --weights and --data)
loader      see loader.py (needs --data, the folder of the data sets)

On a GPU the networks are the paper's."""
import argparse, json, subprocess, sys
from pathlib import Path
import torch
from lbgat_nb.core import atomic
from lbgat_nb.networks import create_model
from lbgat_nb.weights import load_robust, read_header
from .attacks import evaluation_attack
from .flops import step as step_flops
from .imports import imports
from .memory import memory
from .overhead import overhead
from .precision import precision
from .roofline import roofline
from .steps import options as options_of_step, scaling, training_step
from .timing import machine

on_request = ('precision','loader')
names = ('step','full','options','cost','attack','memory','overhead','roofline','imports',*on_request)
full = ('wrn_16_4','resnet18_lbgat')   # a CPU takes minutes for a round, not hours
h100_peak = 0.8e15   # bf16 operations a second, measured

def options():
    "What the command line says"
    p = argparse.ArgumentParser(prog='python -m benchmarks', description=__doc__,
                                formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument('what', nargs='*', help='default: all but ' + ' and '.join(on_request))
    p.add_argument('--device', default='cuda' if torch.cuda.is_available() else 'cpu')
    p.add_argument('--robust',
                   help='robust network; default: wrn_34_10 on a GPU, wrn_10_2 on a CPU')
    p.add_argument('--natural',
                   help='natural network; default: resnet18_lbgat, on a CPU a quarter as wide')
    p.add_argument('--bs', type=int, default=128, help='images in a batch; default: 128')
    p.add_argument('--rounds', type=int, default=5, help='default: 5')
    p.add_argument('--threads', type=int, default=1, help='default: 1')
    p.add_argument('--no-bf16', action='store_true',
                   help='leave bf16 out of step and full: processors without it take minutes')
    p.add_argument('--compiled', action='store_true',
                   help='also with torch.compile, which takes minutes')
    p.add_argument('--weights', help='a trained network of the library')
    p.add_argument('--data', help='CIFAR-10, as `cifar10_dls` takes it')
    p.add_argument('--out', default='benchmarks.json', help='where the JSON goes')
    a = p.parse_args()
    a.what = a.what or [o for o in names if o not in on_request]
    unknown = set(a.what)-set(names)
    if unknown:
        p.error(f"there is no {', '.join(sorted(unknown))}: choose from {', '.join(names)}")
    if 'precision' in a.what and not (a.weights and a.data):
        p.error('precision needs --weights and --data')
    if 'loader' in a.what and not a.data: p.error('loader needs --data')
    return a

def loader(a):
    "The data sets' own measurement, which writes a file of its own beside the other one"
    out = Path(a.out).with_name('loader.json')
    subprocess.run([sys.executable, Path(__file__).with_name('loader.py'), a.data,
                    '--rounds', str(a.rounds), '--out', out], check=True)
    return []

def measure(what, a, models):
    "The records of one thing to measure"
    def network(): return load_robust(a.weights) if a.weights else create_model(models[0], 10)
    kinds = dict(bf16=not a.no_bf16, compiled=a.compiled)
    if what=='step': return training_step(models, a.bs, a.rounds, a.device, **kinds)
    if what=='full': return training_step(full, 64, a.rounds, a.device, **kinds, what='full width')
    if what=='options': return options_of_step(models, min(a.bs, 64), a.rounds, a.device)
    if what=='cost': return scaling(a.rounds, a.device)
    if what=='attack':
        name = read_header(a.weights)['model'] if a.weights else models[0]
        return evaluation_attack(network, a.bs, a.rounds, a.device, name, a.data)
    if what=='memory': return memory(models, a.bs, a.device, a.threads)
    if what=='overhead': return overhead(a.rounds, a.device)
    if what=='roofline': return roofline(device=a.device)
    if what=='imports': return imports(a.rounds)
    if what=='precision': return precision(a.weights, a.data, device=a.device)
    return loader(a)

def add_share_of_peak(r):
    "Add to each row the share of an H100's operations that it reaches, counting those needed"
    for row in r['rows'].values():
        needed = step_flops(*r['models'], r['alpha'])*1e9*r['bs']
        row['share_of_peak'] = needed/row['seconds']/h100_peak

def main():
    a = options()
    gpu = a.device=='cuda'
    models = (a.robust or ('wrn_34_10' if gpu else 'wrn_10_2'),
              a.natural or ('resnet18_lbgat' if gpu else 'resnet18_lbgat_w16'))
    torch.set_num_threads(a.threads)
    if gpu:
        torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = True
        torch.backends.cudnn.benchmark = True
    about = machine()
    print(*(f'{k}: {v}' for k,v in about.items()), sep='\n')
    records = [dict(r, machine=about) for what in a.what for r in measure(what, a, models)]
    for r in records:
        if gpu and r['what'] in ('training step','full width'): add_share_of_peak(r)
    out = Path(a.out)
    measured = {r['what'] for r in records}
    before = json.loads(out.read_text()) if out.exists() else []
    kept = [r for r in before if r['what'] not in measured]
    with atomic(out) as f: f.write_text(json.dumps(kept+records, indent=1)+'\n')

if __name__=='__main__': main()
