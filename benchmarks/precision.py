"What half precision costs a training attack: the divergence reached, and who is fooled in float32"
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

def attacks(net):
    "Name and function of each precision; the clean answer is the float32 network's in all"
    attack = train_attack(kl_loss)
    def fixed(model, x, y): return kl_loss(net, x, y)
    all_half = train_attack(fixed)
    return {'float32': lambda *b: attack(net, *b),
            'bf16, first step float32': lambda *b: attack(net, *b, amp=torch.bfloat16),
            'bf16 in all steps': lambda *b: all_half(Half(net), *b)}

def reached(run, net, batches, seed):
    "Divergence and accuracy, as `net` sees them, of the examples that `run` makes of `batches`"
    kl,right = [],[]
    for i,(x,y) in enumerate(batches):
        x_adv = run(x, y, generator(seed, 'attack', i, device=x.device))
        with torch.no_grad(): logits = net(x_adv)
        kl.append(kl_loss(net, x, y)(logits))
        right.append(logits.argmax(1)==y)
    return torch.cat(kl).mean().item(), torch.cat(right).float().mean().item()

def precision(weights, data, n=1000, seeds=(0,1), bs=250, device='cpu'):
    "The training attack in three precisions on the same images from the same starts"
    net = load_robust(weights).to(device).to(memory_format=torch.channels_last)
    x,y = test_images(data, n, device)
    batches = list(zip(x.split(bs), y.split(bs)))
    rows = {}
    for name,run in attacks(net).items():
        kl,accuracy = zip(*(reached(run, net, batches, seed) for seed in seeds))
        rows[name] = dict(kl=kl, accuracy=accuracy)
        print(f'  {name:26} KL', *(f'{o:.5f}' for o in kl),
              '  accuracy', *(f'{o:.3f}' for o in accuracy), flush=True)
    header = read_header(weights)
    network = {k: header.get(k) for k in ('model','method','eps')}
    return [dict(what='precision of the attack', network=network, n=n, seeds=list(seeds),
                 attack=repr(train_attack(kl_loss)), device=device, rows=rows)]
