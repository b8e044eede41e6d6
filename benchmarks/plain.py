"The plain schedule: a step as the authors' script has it, computing everything again"
import torch
import torch.nn.functional as F

def kl(clean, adv, reduction):
    "KL(softmax clean ‖ softmax adv)"
    log_adv,log_clean = F.log_softmax(adv, -1),F.log_softmax(clean, -1)
    return F.kl_div(log_adv, log_clean, reduction=reduction, log_target=True)

def attack(robust, x, y, noise, on_kl=True, eps=0.031, step=0.007, steps=10):
    "PGD on the divergence or on the cross-entropy; the clean answer is computed in every step"
    robust.eval()
    x_adv = x + noise
    for _ in range(steps):
        x_adv.requires_grad_()
        with torch.enable_grad():
            if on_kl: loss = kl(robust(x), robust(x_adv), 'sum')
            else: loss = F.cross_entropy(robust(x_adv), y, reduction='sum')
        grad, = torch.autograd.grad(loss, [x_adv])
        x_adv = x_adv.detach() + step*grad.sign()
        x_adv = torch.min(torch.max(x_adv, x-eps), x+eps).clamp(0, 1)
    robust.train()
    return x_adv

def lbgat_trades(robust, natural, x, x_adv, y, alpha):
    "Guidance, the natural model's cross-entropy, and the divergence, also where α is zero"
    r_adv,n_clean,r_clean = robust(x_adv),natural(x),robust(x)
    guidance,own = F.mse_loss(r_adv, n_clean),F.cross_entropy(n_clean, y)
    return guidance + own + alpha*kl(r_clean, r_adv, 'batchmean')

def lbgat_alp(robust, natural, x, x_adv, y, alpha):
    "Guidance, the natural model's cross-entropy, and the pairing of logits"
    r_adv,n_clean,r_clean = robust(x_adv),natural(x),robust(x)
    guidance,own = F.mse_loss(r_adv, n_clean),F.cross_entropy(n_clean, y)
    return guidance + own + alpha*F.mse_loss(r_adv, r_clean)

def at(robust, natural, x, x_adv, y, alpha):
    "Cross-entropy on adversarial examples"
    return F.cross_entropy(robust(x_adv), y)

def step(robust, natural, opt, x, y, noise, loss=lbgat_trades, alpha=0., **kwargs):
    "One step of training; returns the adversarial examples and the loss"
    x_adv = attack(robust, x, y, noise, on_kl=loss is lbgat_trades, **kwargs)
    opt.zero_grad()
    value = loss(robust, natural, x, x_adv, y, alpha)
    value.backward()
    opt.step()
    return x_adv, value.detach()
