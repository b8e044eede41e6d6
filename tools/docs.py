#!/usr/bin/env python3
"""Build the docs site into _docs without Quarto, and check it.

nbdev turns the notebooks into the sources of pages in _proc, smalldocs makes a site of them as
_quarto.yml says, and KaTeX comes from npm. Then every link within the site is followed, and every
page searched for what a browser would load from the network and for what a reader would stumble
over. Look at the result with `python -m http.server --directory _docs`.
"""
import argparse, ast, base64, builtins, json, re, shutil, struct, subprocess, sys, tarfile, tempfile
import warnings
from collections import defaultdict
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

ROOT = Path(__file__).resolve().parent.parent
SITE = ROOT/'_docs'
sys.path.insert(0, str(ROOT))    # where nbdev finds tools.showdoc, which pyproject.toml names

from fastcore.nbio import mk_cell, read_nb, write_nb    # noqa: E402
from nbdev.serve import proc_nbs              # noqa: E402
from smalldocs import config, layout, site    # noqa: E402
from tools.showdoc import bound, is_shown, plain        # noqa: E402


# What people type who look for a page, besides the words of its title.
KEYWORDS = {
    'index': 'install pip requirements', 'runs': 'settings interrupt continue',
    'interrupt_and_resume': 'resume interrupted go on continue checkpoint',
    'train_faster': 'speed slow half precision bf16 compile fast N-FGSM',
    'reproduce_the_paper': 'reproduce cost hours memory lbgat_reproduce',
    'several_gpus': 'multi-GPU multi-node distributed DDP torchrun',
    'your_own_method': 'own loss own attack custom objective', 'weights': 'checkpoint load save',
    'published_weights': 'authors checkpoint pretrained', 'cli': 'command line options',
    'evaluation': 'AutoAttack robust accuracy measure', 'command_line': 'lbgat_train lbgat_eval',
    'evaluate_any_model': 'PyTorch AutoAttack robust', 'your_own_images': 'pretrained folder',
    'use_the_model': 'deploy production export ONNX serve'}
HOSTED = 'https://colab.research.google.com/github/lbgat-nb/lbgat-nb/blob/gh-pages/colab'
INSTALL = """\
# Colab: this repository and what it needs, in two minutes
!git clone --quiet --depth 1 {repository}
%cd {name}/nbs
%pip install --quiet '..{extras}'
"""


def to_run(page) -> bool:
    "Is the page one to be run by its reader: the method or a how-to?"
    number = re.match(r'\d+', page.src.name)
    return bool(number) and int(number[0]) < 40


class Site(site.Site):
    "smalldocs, for the sources that nbdev writes."
    def read(self, src):
        "A page, under the name that nbdev's links give it, with links to the notebook it is."
        page = super().read(src)
        page.out = page.out.with_name(page.front.get('output-file', page.out.name))
        head = re.match(r'# (.+)\n+> (.+)\n', page.body)
        if src.suffix == '.md' and head:    # as nbdev has it in notebooks
            for options in (page.front, page.meta):
                options.update(title=head[1], description=head[2])
            page.body = page.body[head.end():]
        page.body = f'{self.links(page)}\n\n{page.body}'
        return page

    def links(self, page) -> str:
        "Where one can run, read and change the source of a page."
        web = self.project.website
        path = f'{web["repo-branch"]}/{web["repo-subdir"]}/{page.src}'
        links = [('pencil', 'Edit this page', f'{web["repo-url"]}/edit/{path}')]
        if page.src.suffix == '.ipynb':
            links.insert(0, ('journal-code', 'The notebook', f'{web["repo-url"]}/blob/{path}'))
        if to_run(page):
            links.insert(0, ('play-circle', 'Open in Colab', f'{HOSTED}/{page.src.name}'))
        html = ''.join(f'<a href="{to}"><i class="bi bi-{icon}" aria-hidden="true"></i> {text}</a>'
                       for icon, text, to in links)
        return f'```{{=html}}\n<div class="page-links">{html}</div>\n```'

    def render_page(self, page):
        "Formulas in the table of contents are letters: nothing sets them there."
        super().render_page(page)
        for heading in page.env.get('headings', []): heading['text'] = plain(heading['text'])

    def write_search(self):
        "The index of the search, in letters, too, and with the words of `KEYWORDS`."
        super().write_search()
        file = self.out/'search.json'
        entries = json.loads(file.read_text(encoding='utf-8'))
        for entry in entries:
            entry['keywords'] = KEYWORDS.get(entry['href'].split('.')[0], '')
            for name in ('title', 'section', 'text'): entry[name] = plain(entry[name])
        file.write_text(json.dumps(entries, ensure_ascii=False), encoding='utf-8')
        shutil.copy(ROOT/'tools'/'search.js', self.out/'site_libs'/'fuse'/'fuse.min.js')

    def write_colab(self):
        "Copies of the notebooks to run, which begin with getting what they need."
        folder = self.out/'colab'
        folder.mkdir()
        extras = {'timm': 'timm', 'onnx': 'onnx', 'accelerate': 'distributed', 'huggingface_hub': 'hub'}
        for page in filter(to_run, self.pages.values()):
            notebook = read_nb(ROOT/'nbs'/page.src.name)
            used = ','.join(extra for package, extra in extras.items()
                            if any(package in cell.source for cell in notebook.cells))
            repository = self.project.website['repo-url']
            cell = INSTALL.format(repository=repository, name=repository.split('/')[-1],
                                  extras=f'[{used}]' if used else '')
            notebook.cells.insert(0, mk_cell(cell))
            write_nb(notebook, folder/page.src.name)


class Layout(layout.Layout):
    "Pages that end with what to read next, and what that is about."
    def page_navigation(self):
        order = self.nav.order(self.page)
        after = order[order.index(self.page) + 1:] if self.page in order else []
        about = after and after[0].front.get('description')
        parts = super().page_navigation()
        if not about or not parts: return parts
        text = layout.inline_md(str(about), self.site, after[0])
        page = layout.to_xml(parts[0], indent=False)
        head, tail = '<div class="nav-page nav-page-next">', '</a></div></nav>'
        page = page.replace(head, f'{head}<span class="read-next">Read next</span>')
        page = page.replace(tail, f'</a><span class="read-next">{text}</span></div></nav>')
        return [layout.Safe(page)]


def build() -> Site:
    "Process the notebooks and write the pages."
    shutil.rmtree(ROOT/'_proc', ignore_errors=True)
    sources = proc_nbs(ROOT/'nbs', n_workers=0)
    pages = Site(config.load(sources), quiet=True)
    pages.out = SITE
    version = re.search(r'katex@([\d.]+)', layout.KATEX)[1]
    layout.KATEX, layout.Layout = 'site_libs/katex', Layout
    pages.build()
    pages.write_colab()
    add_katex(version, SITE/'site_libs'/'katex')
    finish(pages.project.website['site-url'].rstrip('/'))
    return pages


def add_katex(version: str, folder: Path):
    "Put the files of KaTeX that a page loads into `folder`."
    if not shutil.which('npm'):
        sys.exit('KaTeX, which sets the formulas, comes from npm: install npm')
    with tempfile.TemporaryDirectory() as tmp:
        subprocess.run(['npm', 'pack', '--silent', f'katex@{version}'], cwd=tmp, check=True,
                       stdout=subprocess.DEVNULL)
        with tarfile.open(next(Path(tmp).glob('*.tgz'))) as tar: tar.extractall(tmp, filter='data')
        dist = Path(tmp)/'package'/'dist'
        loaded = ('katex.min.*', 'contrib/auto-render.min.js', 'fonts/*')
        for file in [file for pattern in loaded for file in dist.glob(pattern)]:
            to = folder/file.relative_to(dist)
            to.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(file, to)


def breakable(table: re.Match) -> str:
    """A table with places where a long word may go on in the next line, as a phone needs them; it is
    called wide if it has many columns."""
    parts = re.split('(<[^>]*>)', table[0])
    parts[::2] = [re.sub(r'(?<=[a-z])(?=[A-Z])|(?<=\w[+_])(?=\w)', '<wbr>', o) for o in parts[::2]]
    columns = len(re.findall('<th[ >]', table[0].split('</tr>')[0]))
    return ''.join(parts).replace('dataframe', 'dataframe wide' if columns > 7 else 'dataframe', 1)


def measured(image: re.Match) -> str:
    "A figure that says how many inches wide it is, where that is too much for a phone."
    data = base64.b64decode(image[2])
    width, at = *struct.unpack('>I', data[16:20]), data.find(b'pHYs')
    inches = width / (struct.unpack('>I', data[at + 4:at + 8])[0] * .0254 if at > 0 else 200)
    return image[0] if inches < 6.3 else f'{image[1]}style="--inches: {inches:.1f}" {image[3]}'


def joined(formula: re.Match) -> str:
    "A short formula and the comma after it, in one line."
    return f'<span class="joined">{formula[0]}</span>'


PARAMETERS = 'natural', 'generator'


def finish(address: str):
    """What smalldocs leaves to do in the pages. Links to the site's own `address` become relative.
    Names that are mostly those of `PARAMETERS` are no links to the functions of the same names.
    Tables of results get places to break; options of commands and short formulas none.
    Wide figures say how wide they are."""
    names = '|'.join(PARAMETERS)
    for file in SITE.rglob('*.html'):
        text = file.read_text(encoding='utf-8')
        text = re.sub(rf'<a [^>]*>(<code>({names})</code>)</a>', r'\1', text)
        text = re.sub(rf'(<a [^>]*href="){address}/?', r'\1', text)
        text = re.sub(r'<code>(?=--\w)', '<code class="option">', text)
        text = re.sub(r'[(“]?<span class="math inline">[^<]{,44}</span>[^\s<—–-]+', joined, text)
        text = re.sub(r'<table[^>]*dataframe.*?</table>', breakable, text, flags=re.S)
        text = re.sub(r'(<img [^>]*?)(?=src="data:image/png;base64,([^"]*))(src)', measured, text)
        file.write_text(text, encoding='utf-8')
    for file in SITE.rglob('*.css'):    # a theme's fonts come from another host
        text = file.read_text(encoding='utf-8')
        file.write_text(re.sub(r'@import url\(https?:[^)]*\);', '', text), encoding='utf-8')


def without_import(notebook: Path) -> list[str]:
    "The names that the code on a page uses and nothing on the page imports or defines."
    cells = filter(is_shown, read_nb(notebook).cells)
    trees = [tree for cell in cells for tree in cell.parsed_() or []]
    known = set(dir(builtins)).union({'__file__'}, *map(bound, trees))
    used = {node.id for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Name)}
    return sorted(used - known)


class Page(HTMLParser):
    """What an HTML file holds: its ids, the addresses it links to and those it loads; its text, its
    Python code, and the parameters in its tables that no comment explains."""
    IMPORT = re.compile(r"""(?:import|from|url\()\s*['"]?(https?:[^'")]*)""")

    def __init__(self, file: Path):
        super().__init__()
        self.ids, self.links, self.loads = set(), [], []
        self.text, self.code, self.unexplained = '', '', []
        self.silent = False    # is there an image without alternative text?
        self.within = ''    # the block of code that is open, if one is
        self.feed(html := file.read_text(encoding='utf-8'))
        for table in re.findall(r'<div class="parameters">.*?</table>', html, re.S):
            for row in re.findall(r'<tr>.*?</tr>', table, re.S):
                cells = re.findall(r'<td>(.*?)</td>', row, re.S)
                if cells and not cells[-1].strip() and '<strong>' not in cells[0]:
                    self.unexplained.append(re.sub('<.*?>', '', cells[0]))

    def handle_starttag(self, tag, attrs):
        attrs = {name: value for name, value in attrs if value}
        self.ids |= {attrs[name] for name in ('id', 'name') if name in attrs}
        if tag == 'a': self.links += [attrs['href']] if 'href' in attrs else []
        else: self.loads += [attrs[name] for name in ('src', 'href', 'data') if name in attrs]
        if tag == 'pre': self.within = attrs.get('class', 'text')
        if tag == 'img' and 'alt' not in attrs: self.silent = True
        self.loads += self.IMPORT.findall(attrs.get('style', ''))

    def handle_endtag(self, tag):
        if tag == 'pre': self.within = ''

    def handle_data(self, data):
        if self.cdata_elem: self.loads += self.IMPORT.findall(data)    # a script or stylesheet
        elif not self.within: self.text += data
        elif 'python' in self.within and 'cell-code' in self.within: self.code += data


def stumbles(page: Page) -> list[str]:
    "What a reader of a page would stumble over."
    found = [f'the text calls a page by its file, {name}; make it a link'
             for name in re.findall(r'(?<![\w/])\d\d[a-z]?_[a-z]\w+', page.text)]
    found += [f'no comment says what the parameter {name} is' for name in page.unexplained]
    found += [f'{option} has a dash where an option has two hyphens; make it code'
              for option in set(re.findall(r'(?<!\S)–[a-z][\w-]+', page.text))]
    found += ['an image has no alternative text'] if page.silent else []
    if page.code and not re.search(r'(from|import) lbgat_nb', page.code):
        found.append('the page shows code, but no line that imports the library')
    return found


def problems() -> dict[str, set[str]]:
    "What is wrong with the site, and the files in which it is."
    pages = {file: Page(file) for file in sorted(SITE.rglob('*.html'))}
    found, reached = defaultdict(set), {SITE/'index.html'}

    def follow(file: Path, address: str, loaded: bool):
        url = urlsplit(address)
        if url.scheme or url.netloc:
            if loaded and url.scheme != 'data':
                found[f'loaded from the network: {address}'].add(file.name)
            return
        target = (file.parent/unquote(url.path)).resolve() if url.path else file
        if target.is_dir(): target /= 'index.html'
        if target != file: reached.add(target)
        if not target.is_relative_to(SITE) or not target.exists():
            found[f'a link leads to {address}, which does not exist'].add(file.name)
        elif target in pages and url.fragment and unquote(url.fragment) not in pages[target].ids:
            found[f'a link leads to {address}, but the page has no such place'].add(file.name)

    for file, page in pages.items():
        for address in page.links: follow(file, address, loaded=False)
        for address in page.loads: follow(file, address, loaded=True)
        for what in stumbles(page): found[what].add(file.name)
    for file in sorted((ROOT/'_proc').glob('*.ipynb')):
        if names := without_import(file):
            found[f'the code uses what the page does not import: {", ".join(names)}'].add(file.name)
    for file in SITE.rglob('*.css'):
        text = file.read_text(encoding='utf-8')
        for address in re.findall(r"""url\(['"]?([^'")]*)""", text):
            follow(file, address, loaded=True)
    for file in pages.keys() - reached:
        found['no link leads to the page; _quarto.yml has no place for it'].add(file.name)
    return found


if __name__ == '__main__':
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.parse_args()
    warnings.filterwarnings('ignore', category=FutureWarning)    # torch about itself
    pages, wrong = build(), problems()
    for what, files in wrong.items(): print(f'{what}: {", ".join(sorted(files))}')
    if not wrong:
        print(f'{len(pages.pages)} pages in _docs: every link leads somewhere, nothing comes from '
              'the network, and what is shown can be imported and is explained')
    sys.exit(bool(wrong))
