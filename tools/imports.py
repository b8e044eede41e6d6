#!/usr/bin/env python3
"""Check that the library's imports point one way: each module may only use the ones before it in ORDER."""
import argparse, ast, sys
from pathlib import Path

ORDER = 'data models weights attacks objectives training evaluate runs report cli'.split()
PACKAGE = Path(__file__).resolve().parent.parent/'lbgat_nb'


def imported(file: Path) -> set[str]:
    "Names of the package's own modules that `file` imports, anywhere in it."
    names = set()
    for node in ast.walk(ast.parse(file.read_text(encoding='utf-8'))):
        if isinstance(node, ast.Import): names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = '.'.join(filter(None, [PACKAGE.name if node.level else '', node.module]))
            names |= {f'{base}.{alias.name}' for alias in node.names}
    parts = (name.split('.') for name in names)
    return {part[1] for part in parts if part[0] == PACKAGE.name and len(part) > 1}


def problems(files: list[Path]) -> list[str]:
    "One line for each module without a place in ORDER and each import of a module that does not come earlier."
    place = {name: i for i, name in enumerate(ORDER)}
    lost = [f'{file.name}: not in ORDER of tools/imports.py' for file in files if file.stem not in place]
    known = [file for file in files if file.stem in place]
    return lost + [f'{file.name}: imports {name}, which does not come before it' for file in known
                   for name in sorted(imported(file)) if place.get(name, -1) >= place[file.stem]]


if __name__ == '__main__':
    argparse.ArgumentParser(description=__doc__).parse_args()
    files = [file for file in sorted(PACKAGE.glob('*.py')) if not file.name.startswith('_')]
    wrong = problems(files)
    print('\n'.join(wrong) or f'{len(files)} modules, every import points up')
    sys.exit(bool(wrong) or not files)
