#!/usr/bin/env python3
"""Make the folders of images that the study trains on, from CIFAR-10 and Tiny ImageNet as they are published.

    python tools/study_data.py FOLDER

FOLDER holds cifar-10-batches-py and tiny-imagenet-200. Beside them appear cifar10-jpeg, cifar10-jpeg-3, tiny-imagenet-100
and tiny-imagenet-100-in-10, or those of them that are not there and whose source is. Another version of the JPEG library may
differ in single pixels; the runs of the study say which images they were trained on (`fingerprint` in settings.json)."""
import argparse, shutil, sys
from pathlib import Path
from PIL import Image
from torchvision.datasets import CIFAR10


def save(image, file, **options):
    file.parent.mkdir(parents=True, exist_ok=True)
    image.save(file, **options)


def cifar10_jpeg(source, to):
    "All of CIFAR-10 as JPEG of quality 75, numbered within its class"
    for part in ('train', 'test'):
        images, count = CIFAR10(source.parent, train=part == 'train'), {}
        for image, y in images:
            name = images.classes[y]
            count[name] = count.get(name, -1) + 1
            save(image, to/part/name/f'{count[name]:04d}.jpg', quality=75)


def three_classes(source, to):
    "Those that a network for all ten mixes up least"
    for part in ('train', 'test'):
        for name in ('frog', 'horse', 'ship'): shutil.copytree(source/part/name, to/part/name)


def tiny_imagenet_100(source, to):
    "The first hundred classes, at 32×32 as JPEG of quality 90"
    ids = sorted((source/'wnids.txt').read_text().split())[:100]
    words = dict(line.split('\t') for line in (source/'words.txt').read_text().splitlines())
    lines = (line.split('\t') for line in (source/'val'/'val_annotations.txt').read_text().splitlines())
    label = {file: wnid for file, wnid, *_ in lines}
    for wnid in ids:
        name = words[wnid].split(',')[0].lower().replace(' ', '_').replace('-', '_')
        parts = dict(train=sorted((source/'train'/wnid/'images').iterdir()),
                     test=sorted(o for o in (source/'val'/'images').iterdir() if label.get(o.name) == wnid))
        for part, files in parts.items():
            for i, file in enumerate(files):
                small = Image.open(file).convert('RGB').resize((32, 32), Image.BILINEAR)
                save(small, to/part/f'{name}_{wnid}'/f'{i:03d}.jpg', quality=90, subsampling=0)


def in_ten(source, to):
    "The same images in ten classes: neighbours in WordNet, ten by ten"
    def wnid(folder): return folder.name.rpartition('_')[2]
    for part in ('train', 'test'):
        folders = sorted((source/part).iterdir(), key=wnid)
        for i in range(0, len(folders), 10):
            ten = folders[i:i+10]
            group = to/part/f'{i//10}_{wnid(ten[0])}_to_{wnid(ten[-1])}'
            group.mkdir(parents=True)
            for folder in ten:
                for file in folder.iterdir(): shutil.copyfile(file, group/f'{wnid(folder)}_{file.name}')


steps = [('cifar-10-batches-py', cifar10_jpeg, 'cifar10-jpeg'),
         ('cifar10-jpeg', three_classes, 'cifar10-jpeg-3'),
         ('tiny-imagenet-200', tiny_imagenet_100, 'tiny-imagenet-100'),
         ('tiny-imagenet-100', in_ten, 'tiny-imagenet-100-in-10')]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('folder', type=Path)
    folder = parser.parse_args().folder
    for source, make, name in steps:
        to, part = folder/name, folder/f'{name}.part'
        if to.exists(): print(f'{name} is there')
        elif not (folder/source).exists(): print(f'{name} needs {source}, which is not in {folder}', file=sys.stderr)
        else:
            shutil.rmtree(part, ignore_errors=True)   # of a run that was interrupted
            make(folder/source, part)
            part.rename(to)
            print(f'{name} is made')


if __name__ == '__main__': main()
