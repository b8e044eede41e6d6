"What a step spends outside the models: `Learner`, callbacks, loader, log, progress bar"
import cProfile, contextlib, io, pstats
from pathlib import Path
import torch
from fastai.data.core import DataLoaders
from fastai.data.load import DataLoader
from torch import nn
from lbgat_nb.attacks import kl_loss, train_attack
from lbgat_nb.models import BoundaryPair
from lbgat_nb.lbgat import lbgat_trades
from .steps import batch, learner, networks
from .timing import clock, compare

parts = {
    'loader': ('data/load.py','data/core.py','lbgat_nb/data.py'),
    'optimiser': ('fastai/optimizer.py',),
    'logging': ('fastprogress','callback/progress.py'),
    'callbacks and events': ('fastai/learner.py','callback/core.py','fastcore/'),
    'our callback and attack': ('lbgat_nb/',),    # but for its loader, which stands above
}
rest = 'arithmetic, the rest'

def fastai_loader(x, y, bs):
    "fastai's loader, which takes images one by one"
    dl = DataLoader(list(zip(x, y)), bs=bs, shuffle=True, num_workers=0)
    return DataLoaders(dl, dl)

def tiny(): return nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(3, 10))

def part_of(file):
    "The part that the code in `file` belongs to"
    def within(part): return any(o in Path(file).as_posix() for o in parts[part])
    return next(filter(within, parts), rest)

def profiled(n=50, bs=16, steps=10, loader=None):
    "Milliseconds a step that Python code of each part takes itself, with networks of one layer"
    torch.manual_seed(0)
    data = batch(n*bs)
    learn = learner((tiny(), tiny()), *data, bs=bs, steps=steps)
    if loader: learn.dls = loader(*data, bs)
    profile = cProfile.Profile()
    with contextlib.redirect_stdout(io.StringIO()):
        learn.fit(1, 0.01)
        start = clock()
        learn.fit(1, 0.01)
        whole = clock()-start
        profile.runcall(learn.fit, 1, 0.01)
    own = dict.fromkeys([*parts, rest], 0.)
    for (file,*_),(_,_,seconds,*_) in pstats.Stats(profile).stats.items():
        own[part_of(file)] += 1000*seconds/n
    return dict(what='profile of a step', loader=getattr(loader, '__name__', 'ours'), n=n, bs=bs,
                steps=steps, ms=1000*whole/n, profiled_ms=own)

def bare(nets, x, y, n, alpha=0.):
    "`n` steps with the library's attack, pair and objective, and no `Learner`"
    objective,attack = lbgat_trades(alpha),train_attack(kl_loss)
    pair = BoundaryPair(*nets, objective.passes, objective.no_grad).train()
    pair.to(memory_format=torch.channels_last)
    opt = torch.optim.SGD(pair.parameters(), lr=0.01, momentum=0.9, weight_decay=2e-4)
    def run():
        for xb,yb in zip(x.chunk(n), y.chunk(n)):
            x_adv = attack(pair.robust, xb, yb)
            opt.zero_grad()
            objective(pair(xb, x_adv), yb).backward()
            opt.step()
    return run

def whole(n=12, bs=32, rounds=5, device='cpu', models=('wrn_10_1','resnet10_w16')):
    "An epoch of `Learner.fit`, its table and loader included, against the same steps without"
    x,y = batch(n*bs, device=device)
    learn = learner(networks(*models, device=device), x, y, bs=bs)
    def fit():
        with contextlib.redirect_stdout(io.StringIO()): learn.fit(1, 0.01)
    ways = {'bare steps': bare(networks(*models, device=device), x, y, n), 'Learner.fit': fit}
    return compare('outside the models', ways, 'bare steps', rounds, models=list(models), bs=bs,
                   steps=n, device=device)

def overhead(rounds=5, device='cpu'):
    "Both measurements, the profile with fastai's own loader as well"
    profiles = [profiled(loader=o) for o in (fastai_loader, None)]
    for r in profiles:
        print(f"\nprofile of a step of {r['ms']:.1f} ms on networks of next to nothing, "
              f"loader: {r['loader']}")
        for part,ms in r['profiled_ms'].items():
            print(f'  {part:26} {ms:6.2f} ms in Python code of its own, profiled')
    return [*profiles, whole(rounds=rounds, device=device)]
