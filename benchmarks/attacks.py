"PGD-20 of the library against the loop of TRADES, and against torchattacks and foolbox where they are installed"
from importlib.util import find_spec
import torch
import torch.nn.functional as F
from lbgat_nb.attacks import pgd20
from lbgat_nb.datasets import cifar10_dls
from lbgat_nb.evaluate import _score
from .steps import batch
from .timing import compare

def trades_loop(model, x, y, eps=0.031, step=0.003, steps=20):
    "The white-box attack of the TRADES code, which lets gradients run into the weights"
    with torch.no_grad(): model(x).argmax(1)   # its clean accuracy
    x_adv = x + torch.empty_like(x).uniform_(-eps, eps)
    for _ in range(steps):
        x_adv = x_adv.detach().requires_grad_()
        model.zero_grad()
        F.cross_entropy(model(x_adv), y).backward()
        x_adv = x_adv.detach() + step*x_adv.grad.sign()
        x_adv = torch.min(torch.max(x_adv, x-eps), x+eps).clamp(0, 1)
    with torch.no_grad(): return model(x_adv).argmax(1)==y

def scored(attack, model, x, y):
    "The same for any attack: clean answers, then which adversarial examples are still right"
    with torch.no_grad(): model(x).argmax(1)
    x_adv = attack(x, y)
    with torch.no_grad(): return model(x_adv).argmax(1)==y

def with_torchattacks(model):
    from torchattacks import PGD
    return PGD(model, eps=0.031, alpha=0.003, steps=20)

def with_foolbox(model, device):
    from foolbox import PyTorchModel
    from foolbox.attacks import LinfPGD
    wrapped,attack = PyTorchModel(model, bounds=(0,1), device=device),LinfPGD(abs_stepsize=0.003, steps=20)
    return lambda x, y: attack(wrapped, x, y, epsilons=0.031)[1]

def test_images(data, n, device):
    "The first `n` images of a random order of CIFAR-10's test images, and their labels"
    ds = cifar10_dls(data, device='cpu').test_ds.part(n)
    return ds.x.to(device)/255, ds.y.to(device)

def evaluation_attack(make, bs=64, rounds=5, device='cpu', name='', data=None):
    """PGD-20 on one batch, each library on a copy of the model that `make()` returns; ours as `evaluate` runs it.
    With `data`, a folder with CIFAR-10, on real images, and then also what is left to do for the metrics that ask for less; on random ones they would ask for next to nothing."""
    x,y = test_images(data, bs, device) if data else batch(bs, device=device)
    loop,own,last = (make().to(device).eval() for _ in range(3))
    last.to(memory_format=torch.channels_last)
    def ours(model): return lambda: scored(lambda x,y: pgd20(0.031)(model, x, y), model, x, y)
    def counted(way): return lambda: _score(last, pgd20(0.031), x, y, 0.031, [way])
    ways = {'TRADES loop': lambda: trades_loop(loop, x, y), 'ours': ours(own), 'ours, channels_last': ours(last)}
    if data: ways |= {f'ours, {way} alone': counted(way) for way in ('clean-correct','worst case')}
    for lib,build in (('torchattacks', with_torchattacks), ('foolbox', lambda m: with_foolbox(m, device))):
        if find_spec(lib):
            model = make().to(device).eval()
            ways[lib] = lambda attack=build(model), model=model: scored(attack, model, x, y)
    return [compare('PGD-20', ways, 'TRADES loop', rounds, model=name, bs=len(x), device=device, data='CIFAR-10' if data else 'noise')]
