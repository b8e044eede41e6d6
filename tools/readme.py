#!/usr/bin/env python3
"""Write README.md from nbs/index.ipynb, as nbdev-readme does but without Quarto.

Hidden cells are left out, code cells are followed by their saved output, and links to notebooks,
pictures and other files beside index.ipynb lead to the repository's address, because the package
index shows this page too. Badges stand under the title.
"""
import argparse, json, posixpath, re, sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
INDEX, README = ROOT/'nbs'/'index.ipynb', ROOT/'README.md'
NOTE = '<!-- Written by tools/readme.py from nbs/index.ipynb: edit the notebook. -->'


REPO = re.search(r'^ *repo-url: (\S+)', (ROOT/'_quarto.yml').read_text(), re.M)[1]
SITE = re.search(r'^ *site-url: (\S+)', (ROOT/'_quarto.yml').read_text(), re.M)[1]
PICTURES = REPO.replace('//github.com/', '//raw.githubusercontent.com/')+'/main'
BADGES = f"""\
[![CI]({REPO}/actions/workflows/test.yml/badge.svg)]({REPO}/actions) \
[![docs](https://img.shields.io/badge/docs-site-blue)]({SITE}) \
[![Python 3.10+](https://img.shields.io/badge/python-3.10%2B-blue)]({REPO}) \
[![Apache 2.0](https://img.shields.io/badge/licence-Apache%202.0-blue)]({REPO}/blob/main/LICENSE)"""


def absolute(text: str) -> str:
    "`text` with addresses in place of its links to files beside index.ipynb."
    def link(match):
        is_picture,file = not match[1].startswith('['),posixpath.normpath(f'nbs/{match[2]}')
        if not (ROOT/file).exists(): sys.exit(f'tools/readme.py: index.ipynb links to {file}, which is not there')
        return f'{match[1]}{PICTURES if is_picture else REPO+"/blob/main"}/{file}'
    text = re.sub(r'(!?\[[^\]]*\]\()(?!\w+:|[#/])([^)#\s]+)', link, text)
    return re.sub(r'(\b(?:src|srcset)=")(?!\w+:|[#/])([^"\s]+)', link, text)


def output(out: dict) -> str:
    "One saved output as Markdown."
    if out['output_type'] == 'stream': return fenced(''.join(out['text']), '')
    data = out['data']
    if 'text/markdown' in data: return absolute(''.join(data['text/markdown']))
    if any(kind.startswith('image/') for kind in data):
        sys.exit('tools/readme.py: save the picture of index.ipynb under nbs/images and link it from a text cell; README.md cannot hold an output image')
    return fenced(''.join(data['text/plain']), '')


def fenced(text: str, language: str) -> str: return f'```{language}\n{text.rstrip()}\n```'


def blocks(cell: dict) -> list[str]:
    "What a reader sees of `cell`, as blocks of Markdown."
    source = ''.join(cell['source'])
    if cell['cell_type'] == 'markdown': return [absolute(source)]
    options = set(re.findall(r'^#\|\s*(.*?)\s*$', source, re.M))
    if cell['cell_type'] == 'raw' or 'hide' in options or 'include: false' in options: return []
    code = re.sub(r'^#\|.*\n?', '', source, flags=re.M).strip()
    shown = [fenced(code, 'python')] if code and 'echo: false' not in options else []
    return shown + [output(out) for out in cell['outputs']]


def readme() -> str:
    "The whole of README.md."
    cells = json.loads(INDEX.read_text(encoding='utf-8'))['cells']
    title,*rest = (block.strip() for cell in cells for block in blocks(cell))
    heading,_,summary = title.partition('\n')
    return '\n\n'.join([NOTE, heading, BADGES, summary.strip(), *rest]) + '\n'


if __name__ == '__main__':
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('--check', action='store_true', help='write nothing; exit 1 when README.md is not what the notebook gives')
    check, text = parser.parse_args().check, readme()
    if not check: README.write_text(text, encoding='utf-8')
    elif not README.exists() or README.read_text(encoding='utf-8') != text: sys.exit('README.md is not current: run `python tools/readme.py`')
