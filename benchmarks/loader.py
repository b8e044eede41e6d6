#!/usr/bin/env python3
"""Measure the loaders: augmented images a second against torchvision's, and seconds and memory of opening each data set.

Takes the folder that holds `cifar10/` (an image folder of all of CIFAR-10) and `tiny-imagenet-200/`; from the first it makes the official
Python batches, which torchvision can read. Prints tables and writes a JSON file. Both loaders run in turns, in one process."""
import argparse, json, os, pickle, re, shutil, subprocess, sys, tempfile, time
from pathlib import Path
from statistics import median

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
import torch
import torchvision
from torchvision import transforms as T
from benchmarks.timing import machine
from lbgat_nb.core import atomic
from lbgat_nb.data import hflip, imagefolder_dls, pad_crop, TensorDL
from lbgat_nb.datasets import cifar10_dls, tinyimagenet_dls
from lbgat_nb.evaluate import versions


class CIFAR10(torchvision.datasets.CIFAR10):
    "torchvision's data set without its check that the files are the published ones: these are made of JPEG files."
    meta = {**torchvision.datasets.CIFAR10.meta, 'md5': None}
    def _check_integrity(self): return True


def write_batches(tree: Path, folder: Path):
    "The images of a folder `tree` as official Python batches, nothing lost."
    dls = imagefolder_dls(tree, device='cpu')
    x, y = (torch.cat([getattr(ds, o) for ds in (dls.train_ds, dls.valid_ds)]) for o in 'xy')
    order = torch.randperm(len(x), generator=torch.Generator().manual_seed(0))
    parts = {f'data_batch_{i + 1}': (x[o], y[o]) for i, o in enumerate(order.chunk(5))} | {'test_batch': dls.test_ds.tensors}
    folder.mkdir()
    for name, (x, y) in parts.items():
        (folder/name).write_bytes(pickle.dumps({'data': x.flatten(1).numpy(), 'labels': y.tolist()}, protocol=2))
    (folder/'batches.meta').write_bytes(pickle.dumps({'label_names': list(dls.vocab)}, protocol=2))


def seconds(loader) -> float:
    "How long an epoch takes."
    start = time.perf_counter()
    for _ in loader: pass
    return time.perf_counter() - start


def throughput(root: Path, rounds: int, bs: int = 128) -> dict:
    "Images a second of both loaders in each round, and their ratio."
    parts = cifar10_dls(root, device='cpu')
    ours = TensorDL(parts.train_ds, bs=bs, shuffle=True, augment=(pad_crop, hflip), device='cpu')
    augment = T.Compose([T.RandomCrop(32, padding=4), T.RandomHorizontalFlip(), T.ToTensor()])
    theirs = torch.utils.data.DataLoader(CIFAR10(root, transform=augment), batch_size=bs, shuffle=True, num_workers=2, persistent_workers=True)
    loaders = {'lbgat_nb': ours, 'torchvision': theirs}
    for loader in loaders.values(): next(iter(loader))    # warm up, start the workers
    speed = {name: [] for name in loaders}
    for i in range(rounds):
        for name in (list(loaders), list(loaders)[::-1])[i % 2]:
            n = len(ours.dataset) if name == 'lbgat_nb' else len(theirs.dataset)
            speed[name].append(n/seconds(loaders[name]))
    return dict(bs=bs, workers=2, images_per_second=speed, ratios=[a/b for a, b in zip(*speed.values())])


def open_once(name: str, folder: str):
    "Open a data set in this process and print what it took, as JSON."
    def peak(): return int(re.search(r'VmHWM:\s+(\d+)', Path('/proc/self/status').read_text())[1])/1e3    # MB; getrusage would begin with the parent's
    before, start = peak(), time.perf_counter()
    dls = dict(cifar10=cifar10_dls, tinyimagenet=tinyimagenet_dls)[name](folder, device='cpu')
    took = time.perf_counter() - start
    tensors = [o for dl in dls.loaders for o in dl.dataset.tensors]
    print(json.dumps(dict(seconds=took, peak_mb=peak() - before, tensors_mb=sum(o.numel()*o.element_size() for o in tensors)/1e6,
                          images=sum(len(dl.dataset) for dl in dls.loaders), fingerprint=dls.fingerprint)))


def opening(name: str, folder: Path) -> dict:
    "A first and a second opening, each in a process of its own; before the first, nothing of the files is in the system's memory."
    for f in folder.rglob('*'):
        if f.is_file():
            with open(f) as o: os.posix_fadvise(o.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    def run(): return json.loads(subprocess.run([sys.executable, __file__, '--open', name, str(folder)], stdout=subprocess.PIPE, check=True, text=True).stdout.split('\r')[-1].split('\n')[-2].strip())
    return dict(cold=run(), warm=run())


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('data', type=Path, nargs='?', help='folder with cifar10/ and tiny-imagenet-200/')
    parser.add_argument('--rounds', type=int, default=5)
    parser.add_argument('--out', type=Path, default=Path(__file__).resolve().parent.parent/'nbs/results/loader.json')
    parser.add_argument('--open', nargs=2, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.open: return open_once(*args.open)
    if not args.data: parser.error('name the folder that holds cifar10/ and tiny-imagenet-200/')

    result = dict(machine=dict(machine(), load=round(os.getloadavg()[0], 1)), versions=dict(versions(), torchvision=torchvision.__version__), opening={})
    with tempfile.TemporaryDirectory() as tmp:
        root = Path(tmp)
        write_batches(args.data/'cifar10', root/'cifar-10-batches-py')
        result['throughput'] = throughput(root, args.rounds)
        subprocess.run(['tar', 'czf', root/'cifar-10-python.tar.gz', '-C', root, 'cifar-10-batches-py'], check=True)
        shutil.rmtree(root/'cifar-10-batches-py')
        for name, data in dict(cifar10='cifar10', tinyimagenet='tiny-imagenet-200').items():
            shutil.copytree(args.data/data, root/'copy'/data, ignore=shutil.ignore_patterns('.lbgat_cache'))
            result['opening'][f'{name}, image files'] = opening(name, root/'copy'/data)
        result['opening']['cifar10, official archive'] = opening('cifar10', root)
    with atomic(args.out) as f: f.write_text(json.dumps(result, indent=1) + '\n')

    t = result['throughput']
    for name, speed in t['images_per_second'].items(): print(f'{name:12} {median(speed):9,.0f} augmented images/s')
    print(f'ratio        {median(t["ratios"]):9.1f} (least {min(t["ratios"]):.1f}, {args.rounds} rounds)\n')
    print(f'{"":28}{"images":>8}{"cold s":>8}{"warm s":>8}{"tensors MB":>12}{"peak MB":>9}')
    for name, o in result['opening'].items():
        print(f'{name:28}{o["cold"]["images"]:8}{o["cold"]["seconds"]:8.1f}{o["warm"]["seconds"]:8.1f}{o["warm"]["tensors_mb"]:12.0f}{o["warm"]["peak_mb"]:9.0f}')


if __name__ == '__main__': main()
