"The training step: the library's, in a real `Learner`, against the plain schedule"
from functools import partial
import torch
from fastai.callback.core import Callback, CancelValidException
from fastai.learner import Learner
from fastai.optimizer import OptimWrapper
from lbgat_nb.data import ImageTensors, TensorDataLoaders
from lbgat_nb.networks import create_model
from lbgat_nb.adversarial import AdversarialTraining
from lbgat_nb.attacks import kl_loss, NFGSM
from lbgat_nb.averages import AveragedWeights
from lbgat_nb.awp import AWP
from lbgat_nb.lbgat import lbgat_trades
from lbgat_nb.successors import lbgat_ikl
from . import plain
from .timing import compare

class NoValidation(Callback):
    def before_validate(self): raise CancelValidException

def networks(robust, natural, c_in=3, device='cpu'):
    torch.manual_seed(0)
    with torch.device(device): return [create_model(name, 10, c_in) for name in (robust, natural)]

def batch(bs, size=32, c_in=3, device='cpu'):
    torch.manual_seed(1)
    x = torch.rand(bs, c_in, size, size, device=device)
    return x, torch.randint(0, 10, (bs,), device=device)

def learner(nets, x, y, alpha=0., objective=None, bs=None, cbs=(), **kwargs):
    "A `Learner` for LBGAT+TRADES, or another objective, on these images, already on the device"
    ds = ImageTensors(x, y, [str(i) for i in range(10)])
    dls = TensorDataLoaders.from_parts(ds, ds, ds, bs=bs or len(x), device=x.device)
    objective = objective or lbgat_trades(alpha)
    natural = nets[1] if objective.needs_natural else None
    method = AdversarialTraining(objective, natural, verbose=False, **kwargs)
    return Learner(dls, nets[0], cbs=[method, NoValidation(), *cbs])

def epoch(learn):
    "One pass over the training data, silently"
    with learn.no_bar(), learn.no_logging(): learn.fit(1, 0.01)

def ours(models, data, alpha, switch=lambda learn: learn, steps=10, **kwargs):
    "A function that takes one step of the library"
    x,y = data
    nets = networks(*models, c_in=x.shape[1], device=x.device)
    learn = switch(learner(nets, x, y, alpha=alpha, steps=steps, **kwargs))
    return lambda: epoch(learn)

def theirs(models, data, alpha, tf32=False, steps=10):
    "A function that takes one step of the plain schedule"
    x,y = data
    robust,natural = networks(*models, c_in=x.shape[1], device=x.device)
    opt = torch.optim.SGD([*robust.parameters(), *natural.parameters()], lr=0.01, momentum=0.9,
                          weight_decay=2e-4)
    def allow(flag):
        if not x.is_cuda: return
        torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = flag
    def run():
        allow(tf32)
        noise = 0.001*torch.randn_like(x)
        plain.step(robust, natural, opt, x, y, noise, alpha=alpha, steps=steps)
        allow(True)
    return run

def fused(learn):
    "With PyTorch's SGD in place of fastai's, the weights in one sweep"
    sgd = partial(torch.optim.SGD, momentum=0.9, weight_decay=2e-4, fused=True)
    learn.opt_func = partial(OptimWrapper, opt=sgd)
    return learn

def step_ways(models, data, alpha, bf16=True, compiled=False):
    "Name and function of each way to take the step: the plain schedule first, then the library's"
    cuda = data[0].is_cuda
    def bf16_compiled(learn): return learn.to_bf16().to_compiled()
    def bf16_fused(learn): return fused(learn.to_bf16())
    own = partial(ours, models, data, alpha)
    yield 'plain schedule', theirs(models, data, alpha)
    if cuda: yield 'plain schedule, TF32', theirs(models, data, alpha, tf32=True)
    yield 'same bits', own(channels_last=False)
    yield 'channels_last', own(channels_last=True)
    if bf16:
        yield 'bf16', own(Learner.to_bf16, channels_last=False)
        yield 'bf16, channels_last', own(Learner.to_bf16)
    if bf16 and cuda: yield 'bf16, channels_last, fused SGD', own(bf16_fused)
    if compiled: yield 'channels_last, compiled', own(Learner.to_compiled, channels_last=True)
    if compiled and bf16: yield 'bf16, channels_last, compiled', own(bf16_compiled)

def training_step(models=('wrn_10_2','resnet18_lbgat_w16'), bs=128, rounds=5, device='cpu',
                  bf16=True, compiled=False, what='training step'):
    "Ours in each precision against the plain schedule, for α=0 and α=6"
    data = batch(bs, device=device)
    base = 'plain schedule, TF32' if device=='cuda' else 'plain schedule'
    def run(alpha):
        ways = dict(step_ways(models, data, alpha, bf16, compiled))
        return compare(what, ways, base, rounds, models=list(models), bs=bs, alpha=alpha,
                       device=device)
    return [run(alpha) for alpha in (0., 6.)]

def with_options(alpha):
    "What to tell a step of each option beyond the paper"
    return {'our step': {}, 'with AWP': dict(cbs=[AWP(from_epoch=0)]),
            'with averages': dict(cbs=[AveragedWeights()]),
            'guided by IKL': dict(objective=lbgat_ikl(alpha)),
            'three attack steps': dict(steps=3), 'N-FGSM': dict(attack=NFGSM(loss=kl_loss))}

def options(models=('wrn_10_2','resnet18_lbgat_w16'), bs=64, rounds=5, device='cpu'):
    "What each option beyond the paper adds to the step, with the rows of LBGAT+TRADES"
    data = batch(bs, device=device)
    def run(alpha):
        ways = {k: ours(models, data, alpha, **o) for k,o in with_options(alpha).items()}
        return compare('options', ways, 'our step', rounds, models=list(models), bs=bs, alpha=alpha,
                       device=device)
    return [run(alpha) for alpha in (0., 6.)]

def scaling(rounds=3, device='cpu', robust='wrn_10_{}', natural='resnet10_w16', bs=16):
    "What a step costs as batch, width, attack steps and image size grow, for both schedules"
    def one(varies, value, width=1, bs=bs, steps=10, size=32):
        models,data = (robust.format(width),natural),batch(bs, size, device=device)
        ways = dict(plain=theirs(models, data, 0., steps=steps),
                    ours=ours(models, data, 0., steps=steps))
        return compare('cost', ways, 'plain', rounds, varies=varies, value=value, device=device)
    sweeps = dict(bs=(4,16,64), width=(1,2,4), steps=(1,5,10), size=(8,16,32,64))
    return [one(name, v, **{name: v}) for name,values in sweeps.items() for v in values]
