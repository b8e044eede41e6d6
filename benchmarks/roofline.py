"Operations and bytes a second of this machine at best, and where layers lie below that"
import torch
from torch import nn
from .timing import clock, synchronize

def fastest(f, seconds=1.):
    "Least time of one call, out of as many as fit into `seconds`"
    f()
    best,end = float('inf'),clock()+seconds
    while clock()<end:
        synchronize()
        start = clock()
        f()
        synchronize()
        best = min(best, clock()-start)
    return best

def layers(channels, bs, size, device, dtype):
    "Name, forward pass, operations, and bytes that have to be read and written at least"
    x = torch.randn(bs, channels, size, size, device=device, dtype=dtype)
    x = x.to(memory_format=torch.channels_last)
    pixels,width = bs*size*size,x.element_size()
    def ready(layer): return layer.to(device, dtype).to(memory_format=torch.channels_last)
    for k in (3,1):
        conv = ready(nn.Conv2d(channels, channels, k, padding=k//2, bias=False))
        weights = k*k*channels*channels
        yield (f'convolution {k}×{k}', lambda conv=conv: conv(x),
               2*weights*pixels, width*(2*x.numel() + weights))
    norm = ready(nn.BatchNorm2d(channels)).eval()
    yield 'batch norm', lambda: norm(x), 2*x.numel(), 2*width*x.numel()
    yield 'ReLU', lambda: torch.relu(x), x.numel(), 2*width*x.numel()

def bandwidth(device):
    "Bytes a second, reading and writing, of a copy that no cache holds"
    store = torch.zeros(2**28 if device=='cuda' else 2**25, device=device)
    target = torch.empty_like(store)
    return 2*4*store.numel()/fastest(lambda: target.copy_(store))

def peak(device, dtype):
    "Operations a second of a product of large matrices"
    n = 8192 if device=='cuda' else 512
    a = torch.randn(n, n, device=device, dtype=dtype)
    return 2*n**3/fastest(lambda: a@a)

@torch.no_grad()
def roofline(channels=32, bs=64, size=32, device='cpu'):
    "Both limits and the layers of one group of a WideResNet, in float32 and bf16"
    moved_a_second = bandwidth(device)
    records = []
    for dtype in (torch.float32, torch.bfloat16):
        points = {name: dict(intensity=ops/moved, flops=ops/fastest(f))
                  for name,f,ops,moved in layers(channels, bs, size, device, dtype)}
        r = dict(what='roofline', dtype=str(dtype).removeprefix('torch.'), channels=channels, bs=bs,
                 size=size, device=device, peak=peak(device, dtype), bandwidth=moved_a_second,
                 rows=points)
        records.append(r)
        print(f"\nroofline {r['dtype']}: {r['peak']/1e9:.0f} GFLOP/s at most, "
              f"{r['bandwidth']/1e9:.1f} GB/s")
        for name,p in points.items():
            print(f"  {name:16} {p['intensity']:8.2f} FLOP a byte  {p['flops']/1e9:8.1f} GFLOP/s",
                  flush=True)
    return records
