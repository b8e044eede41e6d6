"Peak memory of a training step and of an attack, each measured in a process of its own"
import json, re, subprocess, sys
from pathlib import Path
import torch
from fastai.learner import Learner
from lbgat_nb.attacks import kl_loss, train_attack
from . import plain
from .steps import batch, networks, ours, theirs, with_options

def peak(device):
    "Bytes at the peak since the last call: of the graphics memory, or of the process under Linux"
    if device=='cuda':
        used = torch.cuda.max_memory_allocated()
        torch.cuda.reset_peak_memory_stats()
        return used
    used = int(re.search(r'VmHWM:\s+(\d+)', Path('/proc/self/status').read_text())[1])*1024
    Path('/proc/self/clear_refs').write_text('5')   # from now on
    return used

names = ('plain step',*with_options(0.),'our step, bf16','plain attack','our attack')

def work(models, bs, alpha, device):
    "Name and function of each thing to measure"
    data = x,y = batch(bs, device=device)
    robust = networks(*models, device=device)[0]
    def step(option): return lambda: ours(models, data, alpha, **option)()
    return {'plain step': lambda: theirs(models, data, alpha)(),
            **{name: step(option) for name,option in with_options(alpha).items()},
            'our step, bf16': lambda: ours(models, data, alpha, Learner.to_bf16)(),
            'plain attack': lambda: plain.attack(robust, x, y, 0.001*torch.randn_like(x)),
            'our attack': lambda: train_attack(kl_loss)(robust, x, y)}

def measure(what, models, bs, device, threads, alpha=0.):
    "Print what this process holds before the work, and its peak during it"
    torch.set_num_threads(threads)
    run = work(models, bs, alpha, device)[what]
    peak(device)
    before = peak(device)
    run()
    print(json.dumps(dict(before=before, after=peak(device))))

def alone(*args):
    "`measure` in a process of its own"
    code = f'from benchmarks.memory import measure; measure(*{args!r})'
    run = subprocess.run([sys.executable, '-W', 'ignore', '-c', code],
                         capture_output=True, text=True, check=True)
    return json.loads(run.stdout.splitlines()[-1])

def memory(models=('wrn_10_2','resnet18_lbgat_w16'), bs=64, device='cpu', threads=1):
    "What each way of working adds to the memory of a process that holds models and images"
    rows = {o: alone(o, models, bs, device, threads) for o in names}
    print('\npeak memory', f'models={models} bs={bs}')
    for name,r in rows.items():
        more,whole = (r['after']-r['before'])/2**20, r['after']/2**20
        print(f'  {name:18} {more:8.0f} MiB more than before, {whole:.0f} in all')
    return [dict(what='peak memory', models=list(models), bs=bs, device=device, rows=rows)]
