"What glibc's memory allocator costs: by default it hands large blocks back to the system, which then fills them with zeros again"
import json, os, subprocess, sys
import torch
from lbgat_nb.attacks import pgd20
from .steps import batch, networks, ours
from .timing import against, seconds_of, clock

keep = dict(MALLOC_MMAP_THRESHOLD_=str(2**25), MALLOC_TRIM_THRESHOLD_=str(2**33))   # blocks below 32 MiB, and 8 GiB of free memory, stay with the process

def measure(what, models, bs, n=3):
    "Seconds of each of `n` calls, after one that doesn't count"
    x,y = batch(bs)
    net = networks(*models)[0].eval().to(memory_format=torch.channels_last)
    run = dict(step=lambda: ours(models, (x,y), 0.), attack=lambda: lambda: pgd20(0.031)(net, x, y))[what]()
    return [seconds_of(run, clock) for _ in range(n+1)][1:]

def allocator(models=('wrn_10_2','resnet18_lbgat_w16'), bs=128, rounds=3, threads=1):
    "A training step and PGD-20 in processes with the settings of the system and with `keep`, by turns"
    records = []
    for what in ('step','attack'):
        code = f"import torch; torch.set_num_threads({threads}); from benchmarks.allocator import *; print(json.dumps(measure({what!r}, {models!r}, {bs})))"
        seconds = dict(default=[], keep=[])
        for _ in range(rounds):
            for name,env in dict(default={}, keep=keep).items():
                out = subprocess.run([sys.executable, '-W', 'ignore', '-c', code], env={**os.environ, **env}, capture_output=True, text=True, check=True).stdout
                seconds[name] += json.loads(out.splitlines()[-1])
        rows = against(seconds, {name: o[0] for name,o in seconds.items()}, 'default')
        print(f"\nallocator, {what}: {rows['default']['seconds']:.2f} s, with {' '.join(f'{k}={v}' for k,v in keep.items())} {rows['keep']['seconds']:.2f} s   ×{rows['keep']['ratio']:.2f}  ({rows['keep']['low']:.2f} to {rows['keep']['high']:.2f})", flush=True)
        records.append(dict(what='allocator', of=what, models=list(models), bs=bs, rounds=rounds, settings=keep, rows=rows))
    return records
