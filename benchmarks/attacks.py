"PGD-20 of the library against the loop of TRADES, and torchattacks and foolbox where they are"
from importlib.util import find_spec
import torch
import torch.nn.functional as F
from lbgat_nb.attacks import pgd20
from lbgat_nb.datasets import cifar10_dls
from lbgat_nb.evaluate import evaluate
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

def with_foolbox(model):
    from foolbox import PyTorchModel
    from foolbox.attacks import LinfPGD
    wrapped = PyTorchModel(model, bounds=(0,1), device=next(model.parameters()).device)
    attack = LinfPGD(abs_stepsize=0.003, steps=20)
    return lambda x, y: attack(wrapped, x, y, epsilons=0.031)[1]

def counted(model, x, y, way):
    "A run of `evaluate` for one way to count, with all that it does beside the attack"
    return evaluate(model, [(x,y)], attacks=pgd20(0.031), metrics=way, bs=len(x), progress=False)

def test_images(data, n, device):
    "The first `n` images of a random order of CIFAR-10's test images, and their labels"
    ds = cifar10_dls(data, device='cpu').test_ds.part(n)
    return ds.x.to(device)/255, ds.y.to(device)

def attack_ways(make, x, y, device, metrics):
    "Name and function of each way to attack, each on a model of its own that `make()` returns"
    def model(): return make().to(device).eval()
    loop,own,last = (model() for _ in range(3))
    last.to(memory_format=torch.channels_last)
    def ours(net): return scored(lambda x, y: pgd20(0.031)(net, x, y), net, x, y)
    yield 'TRADES loop', lambda: trades_loop(loop, x, y)
    yield 'ours', lambda: ours(own)
    yield 'ours, channels_last', lambda: ours(last)
    for way in metrics: yield f'ours, {way} alone', lambda way=way: counted(own, x, y, way)
    for lib,build in dict(torchattacks=with_torchattacks, foolbox=with_foolbox).items():
        if find_spec(lib):
            net = model()
            yield lib, lambda attack=build(net), net=net: scored(attack, net, x, y)

def evaluation_attack(make, bs=64, rounds=5, device='cpu', name='', data=None):
    """PGD-20 on one batch, each library on a copy of the model that `make()` returns.
    With `data`, a folder with CIFAR-10, on real images, and then also `evaluate` itself for the
    metrics that ask for less; on random images they would ask for next to nothing."""
    x,y = test_images(data, bs, device) if data else batch(bs, device=device)
    metrics = ('clean-correct','worst case') if data else ()
    return [compare('PGD-20', dict(attack_ways(make, x, y, device, metrics)), 'TRADES loop', rounds,
                    model=name, bs=len(x), device=device, data='CIFAR-10' if data else 'noise')]
