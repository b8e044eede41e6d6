"""Measure the library: python -m benchmarks [what ...]; prints tables, and writes them as JSON,
where what was measured before stays, if it was not measured again.

step: the training step against the plain schedule; cost: as batch size, width, steps and image size grow; attack: PGD-20 against other loops
(torchattacks and foolbox too, where they are installed; with --weights and --data also for metrics that ask for less); memory; overhead: what a step spends outside the models; roofline; precision: half precision in the attack
(needs --weights and --data); loader: see loader.py (needs --data, the folder of the data sets). On a GPU the networks are the paper's."""
import argparse, json, subprocess, sys
from pathlib import Path
import torch
from lbgat_nb.core import atomic
from lbgat_nb.networks import create_model
from lbgat_nb.weights import load_robust, read_header
from .attacks import evaluation_attack
from .flops import step as step_flops
from .memory import memory
from .overhead import overhead
from .precision import precision
from .roofline import roofline
from .steps import scaling, training_step
from .timing import machine

p = argparse.ArgumentParser(prog='python -m benchmarks', description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
p.add_argument('what', nargs='*', help='default: step cost attack memory overhead roofline')
p.add_argument('--device', default='cuda' if torch.cuda.is_available() else 'cpu')
p.add_argument('--robust', help='robust network; default: wrn_34_10 on a GPU, wrn_10_2 on a CPU')
p.add_argument('--natural', help='natural network; default: resnet18_lbgat, on a CPU a quarter as wide')
p.add_argument('--bs', type=int, default=128)
p.add_argument('--rounds', type=int, default=5)
p.add_argument('--threads', type=int, default=1)
p.add_argument('--compiled', action='store_true', help='also with torch.compile, which takes minutes')
p.add_argument('--weights', help='a trained network of the library')
p.add_argument('--data', help='CIFAR-10, as `cifar10_dls` takes it')
p.add_argument('--out', default='benchmarks.json', help='where the JSON goes')
a = p.parse_args()

gpu = a.device=='cuda'
models = (a.robust or ('wrn_34_10' if gpu else 'wrn_10_2'), a.natural or ('resnet18_lbgat' if gpu else 'resnet18_lbgat_w16'))
torch.set_num_threads(a.threads)
if gpu: torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = torch.backends.cudnn.benchmark = True

def network(): return load_robust(a.weights) if a.weights else create_model(models[0], 10)

def loader():
    "The data sets' own measurement, which writes a file of its own"
    subprocess.run([sys.executable, Path(__file__).parent/'loader.py', a.data, '--rounds', str(a.rounds)], check=True)
    return []

jobs = dict(step=lambda: training_step(models, a.bs, a.rounds, a.device, a.compiled), cost=lambda: scaling(a.rounds, a.device),
            attack=lambda: evaluation_attack(network, a.bs, a.rounds, a.device, read_header(a.weights)['model'] if a.weights else models[0], a.data), memory=lambda: memory(models, a.bs, a.device, a.threads),
            overhead=lambda: overhead(a.rounds, a.device), roofline=lambda: roofline(device=a.device),
            precision=lambda: precision(a.weights, a.data, device=a.device), loader=loader)
unknown = set(a.what)-set(jobs)
if unknown: p.error(f"there is no {', '.join(sorted(unknown))}: choose from {', '.join(jobs)}")

about = machine()
print(*(f'{k}: {v}' for k,v in about.items()), sep='\n')
records = [dict(r, machine=about) for what in a.what or ('step','cost','attack','memory','overhead','roofline') for r in jobs[what]()]
if gpu:
    for r in records:
        if r['what']=='training step':
            for row in r['rows'].values(): row['share_of_peak'] = step_flops(*models, r['alpha'])*1e9*r['bs']/row['seconds']/0.8e15
measured = {r['what'] for r in records}
kept = [r for r in (json.loads(Path(a.out).read_text()) if Path(a.out).exists() else []) if r['what'] not in measured]
with atomic(Path(a.out)) as f: f.write_text(json.dumps(kept+records, indent=1)+'\n')
