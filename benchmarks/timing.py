"Times of several ways to do one thing, round by round, so that what else runs falls on all alike"
import os, platform, time
from pathlib import Path
from statistics import median
import torch

def clock():
    """On one thread of a CPU the process's own time, to which other processes add next to nothing;
    it would count threads and not see a GPU, so elsewhere the time of day."""
    own = torch.get_num_threads()==1 and not torch.cuda.is_available()
    return time.process_time() if own else time.perf_counter()

def synchronize():
    if torch.cuda.is_available(): torch.cuda.synchronize()

def seconds_of(f, clock):
    synchronize()
    start = clock()
    f()
    synchronize()
    return clock()-start

def interleaved(ways, rounds=5):
    """Seconds of each of `ways` (name: function) in each round, every other of which goes through
    them backwards; and of a first call, by the time of day, which compiles what there is to."""
    first = {name: seconds_of(f, time.perf_counter) for name,f in ways.items()}
    seconds = {name: [] for name in ways}
    for i in range(rounds):
        for name in (list(ways) if i%2==0 else reversed(ways)):
            seconds[name].append(seconds_of(ways[name], clock))
    return seconds, first

def against(seconds, first, base):
    """For each way its median time, the time of its first call, and how many times as fast as
    `base` it is: the median over rounds, the least, the most, and the ratio of minima."""
    def row(name):
        ratios = sorted(b/s for b,s in zip(seconds[base], seconds[name]))
        return dict(seconds=median(seconds[name]), first=first[name], ratio=median(ratios),
                    low=ratios[0], high=ratios[-1], minima=min(seconds[base])/min(seconds[name]))
    return {name: row(name) for name in seconds}

def compare(what, ways, base, rounds=5, **facts):
    "`interleaved` and `against` in one, printed and as a record"
    rows = against(*interleaved(ways, rounds), base)
    print(f'\n{what}', *(f'{k}={v}' for k,v in facts.items()), flush=True)
    for name,r in rows.items():
        print(f"  {name:28} {r['seconds']:9.4f} s   ×{r['ratio']:.2f}  "
              f"({r['low']:.2f} to {r['high']:.2f}; minima {r['minima']:.2f}; "
              f"first {r['first']:.1f} s)", flush=True)
    return dict(what=what, base=base, rounds=rounds, **facts, rows=rows)

def processor():
    "Its name, as Linux knows it"
    info = Path('/proc/cpuinfo')
    if not info.exists(): return platform.processor()
    lines = info.read_text().splitlines()
    return ', '.join({o.split(':')[1].strip() for o in lines if o.startswith('model name')})

def machine():
    "What the figures depend on"
    return dict(
        cpu=processor(), cores=os.cpu_count(), threads=torch.get_num_threads(),
        instructions=torch.backends.cpu.get_cpu_capability(),
        load=[round(o, 1) for o in os.getloadavg()],
        gpu=torch.cuda.get_device_name() if torch.cuda.is_available() else None,
        tf32=torch.backends.cuda.matmul.allow_tf32, cudnn_benchmark=torch.backends.cudnn.benchmark,
        python=platform.python_version(), torch=torch.__version__, system=platform.system())
