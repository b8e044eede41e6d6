#!/usr/bin/env python3
"""Run the attacks of torchattacks and foolbox beside this library's: the same networks, images and starts. Writes nbs/results/other_libraries.json.

Neither library is a dependency. A folder of their own on the path is enough:

    pip install --no-deps --target FOLDER torchattacks foolbox eagerpy gitpython gitdb smmap
    PYTHONPATH=FOLDER python tools/other_libraries.py
"""
import argparse, json
from importlib.metadata import version
from pathlib import Path
import foolbox, torch, torchattacks
import torch.nn.functional as F
from lbgat_nb.attacks import ce_loss, FGSM, MIFGSM, PGD, train_attack
from lbgat_nb.core import generator
from lbgat_nb.data import digits_dls
from lbgat_nb.models import wrn

ROOT = Path(__file__).resolve().parent.parent
EPS, STEP = 0.15, 0.15/0.031*0.003


def train(dls, eps=None, epochs=8):
    "A small WideResNet on the digits, trained naturally or on PGD's images."
    torch.manual_seed(0)
    net = wrn(10, 1, dls.c, c_in=1)
    opt = torch.optim.Adam(net.parameters(), 1e-2)
    attack = train_attack(ce_loss, eps, steps=5, step=eps/3) if eps else None
    for epoch in range(epochs):
        for i, (x, y) in enumerate(dls.train):
            if attack: x = attack(net, x, y, generator('train', epoch, i))
            F.cross_entropy(net(x), y).backward(); opt.step(); opt.zero_grad()
    return net.eval().requires_grad_(False)


class FoolboxPGD(foolbox.attacks.LinfPGD):
    "foolbox's PGD from a start that is given."
    def __init__(self, start, **kwargs): super().__init__(random_start=True, **kwargs); self.start = start
    def get_random_start(self, x0, epsilon): return type(x0)(self.start)


def examples(net, x, y):
    "For each attack: adversarial examples of each library."
    def seeded(attack): torch.manual_seed(1); return attack(x, y)     # torchattacks draws its start from the global generator
    torch.manual_seed(1)
    start = (x + torch.empty_like(x).uniform_(-EPS, EPS)).clamp(0, 1)  # and this is how
    def given(x, eps, gen=None, norm=None): return start
    fmodel = foolbox.PyTorchModel(net, bounds=(0, 1))
    def by_foolbox(attack): return attack(fmodel, x, y, epsilons=EPS)[1]
    return {
        'PGD-20': {'lbgat_nb': PGD(EPS, STEP, 20, start=given)(net, x, y),
                   'torchattacks': seeded(torchattacks.PGD(net, EPS, STEP, 20)),
                   'foolbox': by_foolbox(FoolboxPGD(start, abs_stepsize=STEP, steps=20))},
        'FGSM': {'lbgat_nb': FGSM(EPS)(net, x, y), 'torchattacks': torchattacks.FGSM(net, EPS)(x, y), 'foolbox': by_foolbox(foolbox.attacks.FGSM(random_start=False))},
        'MI-FGSM': {'lbgat_nb': MIFGSM(EPS)(net, x, y), 'torchattacks': torchattacks.MIFGSM(net, EPS, EPS/10, 10, decay=1.)(x, y)},
    }


def rows(name, net, x, y):
    "What each library reached, and how far its examples are from this library's."
    out, clean = [], (net(x).argmax(1) == y)
    for attack, of in examples(net, x, y).items():
        ours = of['lbgat_nb']
        for library, x_adv in of.items():
            logits, far = net(x_adv), (x_adv - ours).abs().flatten(1).amax(1)
            right = logits.argmax(1) == y
            out.append(dict(network=name, attack=attack, library=library, n=len(y), clean=int(clean.sum()), correct=int(right.sum()),
                            other_verdicts=int((right != (net(ours).argmax(1) == y)).sum()), loss=F.cross_entropy(logits, y).item(),
                            same_images=int((far < 1e-6).sum()), furthest_pixel=far.max().item()))
    return out


def main():
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    torch.set_num_threads(1)
    dls = digits_dls(device='cpu')
    x, y = dls.test_ds.x/255, dls.test_ds.y
    found = [r for name, eps in (('natural', None), ('hardened', EPS)) for r in rows(name, train(dls, eps), x, y)]
    versions = {k: version(k) for k in ('torch', 'torchattacks', 'foolbox')}
    (ROOT/'nbs'/'results'/'other_libraries.json').write_text(json.dumps(dict(eps=EPS, versions=versions, results=found), indent=1) + '\n')
    for r in found: print(r)


if __name__ == '__main__': main()
