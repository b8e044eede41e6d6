#!/usr/bin/env python3
"""Make what the page "Play" shows: nbs/play/data.js, from networks that are attacked here.

Without options two sets of networks are trained, on scikit-learn's digits and on crops of its two
photographs, some minutes of one core. With weights of your own it is one set, made of those:

    python tools/play.py --data tiny-imagenet-100 --images 8 --name 'Tiny ImageNet' \\
        --weights undefended=natural.safetensors AT=at.safetensors LBGAT=lbgat.safetensors

Each network is attacked by PGD-20 on its own, once for each ε. The attacked images are rounded to
the 256 levels of a screen, and the answers are those to the rounded images.
"""
import argparse, base64, json, sys, warnings, zlib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import torch                                                          # noqa: E402
import torch.nn.functional as F                                       # noqa: E402
from fastai.vision.all import Adam, CrossEntropyLossFlat, DataLoader, DataLoaders, Learner  # noqa: E402
from lbgat_nb.all import (                                            # noqa: E402
    AdversarialTraining, at, create_model, digits_dls, get_dls, LBGAT, load_robust, pgd20, trades)
from lbgat_nb.core import generator                                   # noqa: E402
from lbgat_nb.models import ResNet                                    # noqa: E402

FILE = ROOT/'nbs'/'play'/'data.js'
ABOUT = {'undefended': 'trained on clean images', 'AT': 'trained on attacked images',
         'TRADES': 'one answer for both', 'LBGAT': 'guided by a second network'}


def packed(tensor) -> str:
    "Small whole numbers, compressed, as text."
    numbers = tensor.to(torch.int8).contiguous().numpy().tobytes()
    return base64.b64encode(zlib.compress(numbers, 9)).decode()


def played(name, about, networks, x, y, vocab, levels) -> dict:
    "One set: images, and for each network and each level of ε (in 1/255) its attack and answers."
    x = (x*255).round()/255
    changes, answers = [], []
    for net in networks.values():
        net.eval()
        for level in levels:
            attacked = x
            if level: attacked = pgd20(level/255)(net, x, y, generator(0, 'play', level))
            attacked = (attacked*255).round()/255
            with torch.no_grad(): answers.append(net(attacked).softmax(1))
            changes.append(((attacked-x)*255).round().permute(0,2,3,1))
            assert changes[-1].abs().max() <= level
    answers = torch.stack(answers).unflatten(0, (len(networks), len(levels)))
    changes = torch.stack(changes).unflatten(0, (len(networks), len(levels)))
    classes = min(len(vocab), 10)       # of more classes, those that matter for the image
    images = []
    for i, label in enumerate(y.tolist()):
        most = answers[:,:,i].amax((0,1))
        most[label] = 2
        shown = sorted(most.topk(classes).indices.tolist())
        images.append(dict(label=shown.index(label), classes=[str(vocab[k]) for k in shown],
                           answers=(answers[:,:,i,shown]*1000).round().int().tolist()))
    return dict(name=name, about=about, levels=levels, size=list(x.shape[1:]), images=images,
                networks=[dict(name=o, about=ABOUT.get(o, '')) for o in networks],
                pixels=packed((x*255).permute(0,2,3,1) - 128), changes=packed(changes))


def four(make, guide, dls, eps, fit, **kwargs) -> dict:
    "An undefended network and three robust ones of the same make, trained alike."
    def trained(cbs=None, longer=True):
        torch.manual_seed(0)
        dls.rng.seed(0) if hasattr(dls, 'rng') else None
        learn = Learner(dls, make(), CrossEntropyLossFlat(), Adam, 3e-3, cbs=cbs)
        with learn.no_bar(), learn.no_logging(): fit(learn, longer)
        return getattr(learn.model, 'robust', learn.model).eval()
    plain = dict(eps=eps, verbose=False, **kwargs)
    networks = {'undefended': trained(longer=False),
                'AT': trained(AdversarialTraining(at(), **plain)),
                'TRADES': trained(AdversarialTraining(trades(alpha=6), **plain))}
    torch.manual_seed(1)
    return networks | {'LBGAT': trained(LBGAT(guide(), **plain))}


def digits() -> dict:
    "Handwritten digits of 8×8 pixels."
    dls = digits_dls(device='cpu')
    networks = four(lambda: create_model('wrn_10_1', dls.c, c_in=1),
                    lambda: create_model('resnet10_w8', dls.c, c_in=1), dls, 0.2,
                    lambda learn, longer: learn.fit_one_cycle(12, 1e-2))
    x, y = dls.test.one_batch()
    return played('Handwritten digits', 'Digits of 8×8 pixels, ten classes. The robust networks were '
                  'trained for ε = 51/255; WideResNets with 79 thousand parameters, 12 epochs.',
                  networks, x[:6], y[:6], dls.vocab, [0,4,8,16,24,32,40,51,64,80])


def photographs() -> dict:
    "Crops of the photographs of a temple and of a flower, told apart by small networks."
    from sklearn.datasets import load_sample_image
    photos = [torch.tensor(load_sample_image(o)).permute(2,0,1)[None]/255
              for o in ('china.jpg','flower.jpg')]
    photos = torch.cat([F.interpolate(o, (108,160), mode='area') for o in photos])
    gen = generator(0, 'crops')
    def crop(image, size=40):
        "A square of the photograph with its colours shuffled"
        i, j = (torch.randint(n-size+1, (), generator=gen) for n in image.shape[1:])
        return image[torch.randperm(3, generator=gen), i:i+size, j:j+size]
    y = torch.arange(3200)%2
    crops = list(zip(torch.stack([crop(photos[i]) for i in y]), y))
    dls = DataLoaders(DataLoader(crops, bs=32, shuffle=True), DataLoader(crops[:64], bs=64))
    dls.c = 2
    def network(): return torch.nn.Sequential(torch.nn.InstanceNorm2d(3), ResNet(10, 2, width=8))
    networks = four(network, network, dls, 0.031,
                    lambda learn, longer: learn.fit(3 if longer else 1, 3e-3), steps=5)
    x = torch.stack([photos[k,:,i:i+72,j:j+72] for k,i,j in ((0,20,64),(1,20,44),(0,36,4),(1,0,70))])
    return played('Photographs', 'Crops of two photographs, two classes. The robust networks were '
                  'trained for ε = 8/255; ResNets with 77 thousand parameters, 3 epochs of 100 '
                  'steps.', networks, x, torch.tensor([0,1,0,1]), ['temple','flower'],
                  [0,1,2,3,4,6,8,12])


def given(args) -> dict:
    "A set from weights that `save_robust` wrote, and images of a data set's test part."
    networks = dict(o.split('=', 1) for o in args.weights)
    networks = {name: load_robust(file) for name, file in networks.items()}
    dls = get_dls(args.data, **({} if args.size is None else dict(size=args.size)), device='cpu')
    x, y = (torch.cat(o) for o in zip(*dls.test))
    chosen = torch.randperm(len(x), generator=generator(args.seed, 'play'))[:args.images]
    return played(args.name or args.data, args.about, networks, x[chosen], y[chosen], dls.vocab,
                  args.levels)


if __name__ == '__main__':
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--weights', nargs='+', metavar='NAME=FILE', help='networks to show')
    parser.add_argument('--data', default='digits', help='a data set by name, or a folder')
    parser.add_argument('--size', type=int, help='side of the images, where it is to be chosen')
    parser.add_argument('--images', type=int, default=6, help='how many')
    parser.add_argument('--levels', type=int, nargs='+', default=[0,1,2,4,6,8,12,16],
                        help='the values of ε, in 1/255')
    parser.add_argument('--name', help='what the page calls the set')
    parser.add_argument('--about', default='', help='a sentence on images and networks')
    parser.add_argument('--seed', type=int, default=0, help='of the choice of images')
    parser.add_argument('--keep', action='store_true', help='beside the sets that are there')
    parser.add_argument('--out', type=Path, default=FILE)
    args = parser.parse_args()
    warnings.filterwarnings('ignore', category=FutureWarning)
    torch.set_num_threads(1)
    sets = [given(args)] if args.weights else [photographs(), digits()]
    if args.keep and args.out.exists():
        old = json.loads(args.out.read_text().split('=', 1)[1].rstrip().rstrip(';'))
        sets = [o for o in old if o['name'] not in {new['name'] for new in sets}] + sets
    args.out.parent.mkdir(exist_ok=True)
    args.out.write_text('window.lbgatPlay = ' + json.dumps(sets, ensure_ascii=False) + ';\n',
                        encoding='utf-8')
    for one in sets:
        print(one['name'], [o['name'] for o in one['networks']])
        for image in one['images']:
            right = [[row.index(max(row))==image['label'] for row in net] for net in image['answers']]
            print(image['classes'][image['label']], ' '.join(''.join('x.'[r] for r in net) for net in right))
    print(f'{args.out.stat().st_size/1e6:.2f} MB')
