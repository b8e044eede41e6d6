#!/usr/bin/env python3
"""Check that the library's imports point one way: down the list of modules, from what a user calls to the ground floor."""
import argparse, ast, sys
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent.parent/'lbgat_nb'

# The top floor first. A module may import those below it.
FLOORS = '''
all
cli
report
paper
study
recipes
seeds
runs
trackers
sanity
transfer
figures
evaluate
records
tuning
one_step
averages
awp
methods
successors
separate_bn
lbgat
bgat
alp_trades
adversarial
precision
processes
hub
weights
attacks
networks
models
batch_norm
datasets
augmentation
download
data
core
'''.split()


def imported(file: Path) -> set[str]:
    "The package's own modules that `file` imports, anywhere in it."
    names = set()
    for node in ast.walk(ast.parse(file.read_text(encoding='utf-8'))):
        if isinstance(node, ast.Import): names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = '.'.join(filter(None, [PACKAGE.name if node.level else '', node.module]))
            names |= {f'{base}.{alias.name}' for alias in node.names}
    parts = (name.split('.') for name in names)
    return {part[1] for part in parts if part[0] == PACKAGE.name and len(part) > 1}


def problems(files: list[Path]) -> list[str]:
    "One line for each module that has no floor and each import that does not point down."
    lost = [f'{file.name}: has no place in the list of tools/imports.py' for file in files if file.stem not in FLOORS]
    gone = [f'{name}: in the list of tools/imports.py, but there is no such module' for name in FLOORS if not (PACKAGE/f'{name}.py').exists()]
    up = [f'{file.name}: imports {name}, which does not stand below it' for file in files if file.stem in FLOORS
          for name in sorted(imported(file)) if name in FLOORS[:FLOORS.index(file.stem) + 1]]
    return lost + gone + up


if __name__ == '__main__':
    argparse.ArgumentParser(description=__doc__).parse_args()
    files = [file for file in sorted(PACKAGE.glob('*.py')) if not file.name.startswith('_')]
    wrong = problems(files)
    print('\n'.join(wrong) or f'{len(files)} modules, every import points down')
    sys.exit(bool(wrong) or not files)
