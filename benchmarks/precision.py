"What half precision costs a training attack: the divergence it reaches and how many examples the float32 network still gets right"
import torch
from torch import nn
from lbgat_nb.attacks import kl_loss, train_attack
from lbgat_nb.core import generator
from lbgat_nb.weights import load_robust, read_header
from .attacks import test_images

class Half(nn.Module):
    "A network that always computes in bf16"
    def __init__(self, net):
        super().__init__()
        self.net = net
    def forward(self, x):
        with torch.autocast(x.device.type, dtype=torch.bfloat16): return self.net(x)

def precision(weights, data, n=1000, seeds=(0,1), bs=250, device='cpu'):
    "The training attack in three precisions on the same images from the same starts; the clean answer is the float32 network's in all"
    net,(x,y) = load_robust(weights).to(device).to(memory_format=torch.channels_last),test_images(data, n, device)
    attack = train_attack(kl_loss)
    def fixed(model, xb, yb): return kl_loss(net, xb, yb)
    all_half = train_attack(fixed)
    ways = {'float32': lambda *b: attack(net, *b), 'bf16, first step float32': lambda *b: attack(net, *b, amp=torch.bfloat16),
            'bf16 in all steps': lambda *b: all_half(Half(net), *b)}
    rows = {}
    for name,run in ways.items():
        rows[name] = dict(kl=[], accuracy=[])
        for seed in seeds:
            kl,right = [],[]
            for i,(xb,yb) in enumerate(zip(x.split(bs), y.split(bs))):
                x_adv = run(xb, yb, generator(seed, 'attack', i, device=device))
                with torch.no_grad(): logits = net(x_adv)
                kl.append(kl_loss(net, xb, yb)(logits)); right.append(logits.argmax(1)==yb)
            rows[name]['kl'].append(torch.cat(kl).mean().item()); rows[name]['accuracy'].append(torch.cat(right).float().mean().item())
        print(f'  {name:26} KL', *(f'{o:.5f}' for o in rows[name]['kl']), '  accuracy', *(f'{o:.3f}' for o in rows[name]['accuracy']), flush=True)
    header = read_header(weights)
    return [dict(what='precision of the attack', network={k: header.get(k) for k in ('model','method','eps')}, n=n, seeds=list(seeds), attack=repr(attack), device=device, rows=rows)]
