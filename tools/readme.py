#!/usr/bin/env python3
"""Write README.md from nbs/index.ipynb, as nbdev-readme does but without Quarto.

Hidden cells are left out, code cells are followed by their saved output, and links to notebooks, pictures and other files beside index.ipynb are made to work from the
top of the repository.
"""
import argparse, json, re, sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
INDEX, README = ROOT/'nbs'/'index.ipynb', ROOT/'README.md'
NOTE = '<!-- Written by tools/readme.py from nbs/index.ipynb: edit the notebook. -->'


def from_top(text: str) -> str:
    "`text` with its Markdown links to files relative to the repository instead of to nbs/."
    def link(match): return match[1] + (ROOT/'nbs'/match[2]).resolve().relative_to(ROOT).as_posix()
    return re.sub(r'(\]\()(?!\w+:|[#/])([^)#\s]+)', link, text)


def output(out: dict) -> str:
    "One saved output as Markdown."
    if out['output_type'] == 'stream': return fenced(''.join(out['text']), '')
    data = out['data']
    if 'text/markdown' in data: return from_top(''.join(data['text/markdown']))
    if any(kind.startswith('image/') for kind in data):
        sys.exit('tools/readme.py: save the picture of index.ipynb under nbs/images and link it from a text cell; README.md cannot hold an output image')
    return fenced(''.join(data['text/plain']), '')


def fenced(text: str, language: str) -> str: return f'```{language}\n{text.rstrip()}\n```'


def blocks(cell: dict) -> list[str]:
    "What a reader sees of `cell`, as blocks of Markdown."
    source = ''.join(cell['source'])
    if cell['cell_type'] == 'markdown': return [from_top(source)]
    options = set(re.findall(r'^#\|\s*(.*?)\s*$', source, re.M))
    if cell['cell_type'] == 'raw' or 'hide' in options or 'include: false' in options: return []
    code = re.sub(r'^#\|.*\n?', '', source, flags=re.M).strip()
    shown = [fenced(code, 'python')] if code and 'echo: false' not in options else []
    return shown + [output(out) for out in cell['outputs']]


def readme() -> str:
    "The whole of README.md."
    cells = json.loads(INDEX.read_text(encoding='utf-8'))['cells']
    return '\n\n'.join([NOTE, *(block.strip() for cell in cells for block in blocks(cell))]) + '\n'


if __name__ == '__main__':
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('--check', action='store_true', help='write nothing; exit 1 when README.md is not what the notebook gives')
    check, text = parser.parse_args().check, readme()
    if not check: README.write_text(text, encoding='utf-8')
    elif not README.exists() or README.read_text(encoding='utf-8') != text: sys.exit('README.md is not current: run `python tools/readme.py`')
