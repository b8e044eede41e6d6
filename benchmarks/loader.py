#!/usr/bin/env python3
"""Measure the loaders: augmented images a second against torchvision's, and seconds and memory of
opening each data set.

Takes the folder that holds `cifar10/` (an image folder of all of CIFAR-10) and
`tiny-imagenet-200/`; what is not there is left out. From the first it makes the official Python
batches, which torchvision can read. Prints tables and writes a JSON file. Both loaders run in
turns, in one process."""
import argparse, json, os, pickle, re, shutil, subprocess, sys, tempfile, time
from importlib.metadata import version
from pathlib import Path
from statistics import median

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
import torch
import torchvision
from torchvision import transforms as T
from benchmarks.timing import machine
from lbgat_nb.core import atomic
from lbgat_nb.data import hflip, imagefolder_dls, pad_crop, TensorDL
from lbgat_nb.datasets import cifar10_dls, tinyimagenet_dls


class CIFAR10(torchvision.datasets.CIFAR10):
    "torchvision's without its check of the files: these are made of JPEG, not the published ones."
    meta = {**torchvision.datasets.CIFAR10.meta, 'md5': None}
    def _check_integrity(self): return True


def write_batches(tree: Path, folder: Path):
    "The images of a folder `tree` as official Python batches, nothing lost."
    dls = imagefolder_dls(tree, device='cpu')
    train = [torch.cat(o) for o in zip(dls.train_ds.tensors, dls.valid_ds.tensors)]
    order = torch.randperm(len(train[0]), generator=torch.Generator().manual_seed(0)).chunk(5)
    parts = {f'data_batch_{i}': [o[part] for o in train] for i, part in enumerate(order, 1)}
    parts['test_batch'] = dls.test_ds.tensors
    folder.mkdir()
    for name, (x, y) in parts.items():
        content = {'data': x.flatten(1).numpy(), 'labels': y.tolist()}
        (folder/name).write_bytes(pickle.dumps(content, protocol=2))
    names = {'label_names': list(dls.vocab)}
    (folder/'batches.meta').write_bytes(pickle.dumps(names, protocol=2))


def seconds(loader) -> float:
    "How long an epoch takes."
    start = time.perf_counter()
    for _ in loader: pass
    return time.perf_counter() - start


def throughput(root: Path, rounds: int, bs: int = 128) -> dict:
    "Images a second of both loaders in each round, and their ratio."
    ds = cifar10_dls(root, device='cpu').train_ds
    ours = TensorDL(ds, bs=bs, shuffle=True, augment=(pad_crop, hflip), device='cpu')
    augment = T.Compose([T.RandomCrop(32, padding=4), T.RandomHorizontalFlip(), T.ToTensor()])
    theirs = torch.utils.data.DataLoader(CIFAR10(root, transform=augment), batch_size=bs,
                                         shuffle=True, num_workers=2, persistent_workers=True)
    loaders = {'lbgat_nb': ours, 'torchvision': theirs}
    for loader in loaders.values(): next(iter(loader))    # warm up, start the workers
    speed = {name: [] for name in loaders}
    for i in range(rounds):
        for name in (list(loaders), list(loaders)[::-1])[i % 2]:
            speed[name].append(len(loaders[name].dataset)/seconds(loaders[name]))
    ratios = [a/b for a, b in zip(*speed.values())]
    return dict(bs=bs, workers=2, images_per_second=speed, ratios=ratios)


def peak_mb() -> float:
    "The most memory that this process held; getrusage would begin with the parent's."
    status = Path('/proc/self/status').read_text()
    return int(re.search(r'VmHWM:\s+(\d+)', status)[1])/1e3


def open_once(name: str, folder: str):
    "Open a data set in this process and print what it took, as JSON."
    before, start = peak_mb(), time.perf_counter()
    dls = dict(cifar10=cifar10_dls, tinyimagenet=tinyimagenet_dls)[name](folder, device='cpu')
    took = time.perf_counter() - start
    tensors = [o for dl in dls.loaders for o in dl.dataset.tensors]
    print('\n' + json.dumps(dict(
        seconds=took, peak_mb=peak_mb() - before,
        tensors_mb=sum(o.numel()*o.element_size() for o in tensors)/1e6,
        images=sum(len(dl.dataset) for dl in dls.loaders), fingerprint=dls.fingerprint)))


def forget(folder: Path):
    "Have the system keep nothing of the files in `folder` in memory."
    for file in folder.rglob('*'):
        if file.is_file():
            with open(file) as f: os.posix_fadvise(f.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def opening(name: str, folder: Path) -> dict:
    "A first and a second opening, each in a process of its own; the first with cold files."
    def run():
        command = [sys.executable, __file__, '--open', name, str(folder)]
        out = subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True).stdout
        return json.loads(out.splitlines()[-1])
    forget(folder)
    return dict(cold=run(), warm=run())


def measure(data: Path, rounds: int) -> dict:
    "All of it, for the data sets that the folder `data` holds."
    result = dict(machine=dict(machine(), load=round(os.getloadavg()[0], 1)), opening={},
                  versions={o: version(o) for o in ('torch', 'torchvision', 'fastai')})
    with tempfile.TemporaryDirectory() as tmp:
        root = Path(tmp)
        write_batches(data/'cifar10', root/'cifar-10-batches-py')
        result['throughput'] = throughput(root, rounds)
        subprocess.run(['tar', 'czf', root/'cifar-10-python.tar.gz', '-C', root,
                        'cifar-10-batches-py'], check=True)
        shutil.rmtree(root/'cifar-10-batches-py')
        for name, folder in dict(cifar10='cifar10', tinyimagenet='tiny-imagenet-200').items():
            if not (data/folder).exists(): continue
            copy = root/'copy'/folder
            shutil.copytree(data/folder, copy, ignore=shutil.ignore_patterns('.lbgat_cache'))
            result['opening'][f'{name}, image files'] = opening(name, copy)
        result['opening']['cifar10, official archive'] = opening('cifar10', root)
    return result


def show(result: dict):
    "Print both tables."
    speeds, ratios = (result['throughput'][o] for o in ('images_per_second', 'ratios'))
    for name, speed in speeds.items(): print(f'{name:12} {median(speed):9,.0f} augmented images/s')
    print(f'ratio        {median(ratios):9.1f} (least {min(ratios):.1f}, {len(ratios)} rounds)\n')
    print(f'{"":28}{"images":>8}{"cold s":>8}{"warm s":>8}{"tensors MB":>12}{"peak MB":>9}')
    for name, o in result['opening'].items():
        cold, warm = o['cold'], o['warm']
        print(f'{name:28}{cold["images"]:8}{cold["seconds"]:8.1f}{warm["seconds"]:8.1f}'
              f'{warm["tensors_mb"]:12.0f}{warm["peak_mb"]:9.0f}')


def main():
    parser = argparse.ArgumentParser(description=__doc__.split('\n\n')[0])
    parser.add_argument('data', type=Path, nargs='?',
                        help='folder with cifar10/ and tiny-imagenet-200/')
    parser.add_argument('--rounds', type=int, default=5)
    parser.add_argument('--out', type=Path, default=ROOT/'nbs/results/loader.json')
    parser.add_argument('--open', nargs=2, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.open: return open_once(*args.open)
    if not args.data: parser.error('name the folder that holds cifar10/ and tiny-imagenet-200/')
    result = measure(args.data, args.rounds)
    with atomic(args.out) as f: f.write_text(json.dumps(result, indent=1) + '\n')
    show(result)


if __name__ == '__main__': main()
