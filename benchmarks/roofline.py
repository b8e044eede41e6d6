"How many operations a second this machine does at best, how many bytes it moves, and where the layers of a network lie between the two"
import torch
from torch import nn
from .timing import clock, synchronize

def fastest(f, seconds=1.):
    "Least time of one call, out of as many as fit into `seconds`"
    f(); best,end = float('inf'),clock()+seconds
    while clock()<end:
        synchronize(); start = clock()
        f(); synchronize()
        best = min(best, clock()-start)
    return best

def layers(channels, bs, size, device, dtype):
    "Name, forward pass, operations, and bytes that have to be read and written at least"
    x = torch.randn(bs, channels, size, size, device=device, dtype=dtype).to(memory_format=torch.channels_last)
    pixels,width = bs*size*size,x.element_size()
    def conv(k): return nn.Conv2d(channels, channels, k, padding=k//2, bias=False).to(device, dtype).to(memory_format=torch.channels_last)
    for k in (3,1):
        net = conv(k)
        yield f'convolution {k}×{k}', lambda net=net: net(x), 2*k*k*channels*channels*pixels, width*(2*x.numel() + k*k*channels*channels)
    norm = nn.BatchNorm2d(channels).to(device, dtype).eval()
    yield 'batch norm', lambda: norm(x), 2*x.numel(), 2*width*x.numel()
    yield 'ReLU', lambda: torch.relu(x), x.numel(), 2*width*x.numel()

@torch.no_grad()
def roofline(channels=32, bs=64, size=32, device='cpu'):
    "Both limits and the layers of one group of a WideResNet, in float32 and bf16"
    n,big = (8192,2**28) if device=='cuda' else (512,2**25)
    store = torch.zeros(big, device=device); target = torch.empty_like(store)
    bandwidth = 2*4*big/fastest(lambda: target.copy_(store))
    records = []
    for dtype in (torch.float32, torch.bfloat16):
        a = torch.randn(n, n, device=device, dtype=dtype)
        peak = 2*n**3/fastest(lambda: a@a)
        points = {name: dict(intensity=ops/moved, flops=ops/fastest(f)) for name,f,ops,moved in layers(channels, bs, size, device, dtype)}
        records.append(dict(what='roofline', dtype=str(dtype).removeprefix('torch.'), channels=channels, bs=bs, size=size, device=device, peak=peak, bandwidth=bandwidth, rows=points))
        print(f"\nroofline {records[-1]['dtype']}: {peak/1e9:.0f} GFLOP/s at most, {bandwidth/1e9:.1f} GB/s")
        for name,p in points.items(): print(f"  {name:16} {p['intensity']:8.2f} FLOP a byte  {p['flops']/1e9:8.1f} GFLOP/s", flush=True)
    return records
