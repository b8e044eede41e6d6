"Floating-point operations of a step, counted by PyTorch on tensors without data"
import torch
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils.flop_counter import FlopCounterMode
from lbgat_nb.networks import create_model

def passes(name, n_out=10):
    "GFLOP an image of a forward pass, a backward pass to the image, one to the weights too"
    def count(f):
        with FlopCounterMode(display=False) as counter: f()
        return counter.get_total_flops()/1e9
    with FakeTensorMode():
        net,x = create_model(name, n_out),torch.rand(1, 3, 32, 32)
        forward = count(lambda: net(x))
        both = count(lambda: net(x).sum().backward()) - forward
        net.requires_grad_(False)
        x.requires_grad_()
        to_image = count(lambda: net(x).sum().backward()) - forward
    return dict(forward=forward, to_image=to_image, to_weights=both)

def step(robust, natural, alpha, steps=10, plain=False):
    "GFLOP an image of one training step: of the plain schedule, or what the maths needs"
    r,n = passes(robust),passes(natural)
    clean_answers = steps if plain else 1
    attack = steps*(r['forward']+r['to_image']) + clean_answers*r['forward']
    learn = r['forward']+r['to_weights']
    clean = learn if plain or alpha else r['forward']
    return attack + learn + clean + n['forward'] + n['to_weights']
