"Peak memory of a training step and of an attack, each measured in a process of its own"
import json, re, subprocess, sys
from pathlib import Path
import torch
from lbgat_nb.attacks import kl_loss, train_attack
from . import plain
from .steps import batch, networks, ours, theirs

def peak(device):
    "Bytes at the peak since the last call: of the graphics memory, or of the process (as Linux counts them)"
    if device=='cuda':
        used = torch.cuda.max_memory_allocated()
        torch.cuda.reset_peak_memory_stats()
        return used
    used = int(re.search(r'VmHWM:\s+(\d+)', Path('/proc/self/status').read_text())[1])*1024
    Path('/proc/self/clear_refs').write_text('5')   # from now on
    return used

def measure(what, models, bs, alpha, device):
    "What this process holds before the work, and its peak during it"
    x,y = batch(bs, device=device)
    robust = networks(*models, device=device)[0]
    run = {'plain step': lambda: theirs(models, (x,y), alpha)(),
           'our step': lambda: ours(models, (x,y), alpha)(),
           'our step, bf16': lambda: ours(models, (x,y), alpha, lambda learn: learn.to_bf16())(),
           'plain attack': lambda: plain.attack(robust, x, y, 0.001*torch.randn_like(x)),
           'our attack': lambda: train_attack(kl_loss)(robust, x, y)}[what]
    peak(device); before = peak(device)
    run()
    return dict(before=before, after=peak(device))

def memory(models=('wrn_10_2','resnet18_lbgat_w16'), bs=64, device='cpu', threads=1):
    "What each way of working adds to the memory of a process that holds models and images"
    rows = {}
    for what in ('plain step','our step','our step, bf16','plain attack','our attack'):
        code = f"import torch; torch.set_num_threads({threads}); from benchmarks.memory import *; print(json.dumps(measure({what!r}, {models!r}, {bs}, 0., {device!r})))"
        out = subprocess.run([sys.executable, '-W', 'ignore', '-c', code], capture_output=True, text=True, check=True).stdout
        rows[what] = json.loads(out.splitlines()[-1])
    print('\npeak memory', f'models={models} bs={bs}')
    for what,r in rows.items(): print(f"  {what:16} {(r['after']-r['before'])/2**20:8.0f} MiB more than before, {r['after']/2**20:.0f} in all", flush=True)
    return [dict(what='peak memory', models=list(models), bs=bs, device=device, rows=rows)]
