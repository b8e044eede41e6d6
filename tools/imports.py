#!/usr/bin/env python3
"""Check that the library's imports point one way: each module may only use those whose notebooks come before its own."""
import argparse, ast, json, re, sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT/'lbgat_nb'


def reading_order() -> list[str]:
    "The modules in the order of their notebooks."
    cells = (json.loads(nb.read_text(encoding='utf-8'))['cells'] for nb in sorted((ROOT/'nbs').glob('*.ipynb')))
    return re.findall(r'^#\|\s*default_exp\s+(\S+)', '\n'.join(''.join(cell['source']) for cell in sum(cells, [])), re.M)


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


def problems(files: list[Path], order: list[str]) -> list[str]:
    "One line for each module that no notebook exports and each import that does not point up."
    lost = [f'{file.name}: no notebook exports it' for file in files if file.stem not in order]
    return lost + [f'{file.name}: imports {name}, whose notebook does not come before its own' for file in files if file.stem in order
                   for name in sorted(imported(file)) if name in order[order.index(file.stem):]]


if __name__ == '__main__':
    argparse.ArgumentParser(description=__doc__).parse_args()
    files = [file for file in sorted(PACKAGE.glob('*.py')) if not file.name.startswith('_')]
    wrong = problems(files, reading_order())
    print('\n'.join(wrong) or f'{len(files)} modules, every import points up')
    sys.exit(bool(wrong) or not files)
