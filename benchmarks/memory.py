"Peak memory of a training step and of an attack, each measured in a process of its own"
import json, resource, subprocess, sys
import torch
from lbgat_nb.attacks import kl_loss, train_attack
from . import plain
from .steps import batch, networks, ours, theirs

def peak(device):
    "Bytes at the peak: of the graphics memory, or of the process"
    return torch.cuda.max_memory_allocated() if device=='cuda' else 1024*resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

def measure(what, models, bs, alpha, device):
    "Peak before the work and after it, in this process"
    x,y = batch(bs, device=device)
    robust = networks(*models, device=device)[0]
    run = {'plain step': lambda: theirs(models, (x,y), alpha)(),
           'our step': lambda: ours(models, (x,y), alpha)(),
           'our step, bf16': lambda: ours(models, (x,y), alpha, lambda learn: learn.to_bf16())(),
           'plain attack': lambda: plain.attack(robust, x, y, 0.001*torch.randn_like(x)),
           'our attack': lambda: train_attack(kl_loss)(robust, x, y)}[what]
    before = peak(device)
    run()
    return dict(before=before, after=peak(device))

def memory(models=('wrn_16_2','resnet18_lbgat_w16'), bs=64, device='cpu', threads=1):
    "What each way of working adds to the memory of a process that holds models and images"
    rows = {}
    for what in ('plain step','our step','our step, bf16','plain attack','our attack'):
        code = f"import torch; torch.set_num_threads({threads}); from benchmarks.memory import *; print(json.dumps(measure({what!r}, {models!r}, {bs}, 0., {device!r})))"
        out = subprocess.run([sys.executable, '-W', 'ignore', '-c', code], capture_output=True, text=True, check=True).stdout
        rows[what] = json.loads(out.splitlines()[-1])
    print('\npeak memory', f'models={models} bs={bs}')
    for what,r in rows.items(): print(f"  {what:16} {(r['after']-r['before'])/2**20:8.0f} MiB more than before, {r['after']/2**20:.0f} in all", flush=True)
    return [dict(what='peak memory', models=list(models), bs=bs, device=device, rows=rows)]
