#!/usr/bin/env python3
"""Build the docs site into _docs without Quarto, and check it.

nbdev turns the notebooks into pages' sources in _proc, smalldocs makes a site of them as _quarto.yml says, KaTeX comes from npm. Then every link in the site is followed
inside the site, and every page is searched for things that a browser would load from the network. Look at the result with `python -m http.server --directory _docs`.
"""
import argparse, re, shutil, subprocess, sys, tarfile, tempfile
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urldefrag, urlsplit

ROOT = Path(__file__).resolve().parent.parent
SITE = ROOT/'_docs'
sys.path.insert(0, str(ROOT))    # pyproject.toml names tools.showdoc as nbdev's renderer

from nbdev.quarto import refresh_quarto_yml    # noqa: E402
from nbdev.serve import proc_nbs               # noqa: E402
from smalldocs import config, layout, site     # noqa: E402


class Site(site.Site):
    "smalldocs, for the sources that nbdev writes."
    def read(self, src):
        "A page, under the name that nbdev's links give it."
        page = super().read(src)
        page.out = page.out.with_name(page.front.get('output-file', page.out.name))
        return page


def build() -> Site:
    "Process the notebooks and write the pages."
    shutil.rmtree(ROOT/'_proc', ignore_errors=True)
    project = config.load(proc_nbs(ROOT/'nbs', n_workers=0))
    pages = Site(project, quiet=True)
    pages.out = SITE
    version = re.search(r'katex@([\d.]+)', layout.KATEX)[1]
    layout.KATEX = 'site_libs/katex'
    pages.build()
    add_katex(version, SITE/'site_libs'/'katex')
    make_local(project.website['site-url'].rstrip('/'))
    return pages


def add_katex(version: str, folder: Path):
    "Put the files of KaTeX that a page loads into `folder`."
    with tempfile.TemporaryDirectory() as tmp:
        subprocess.run(['npm', 'pack', '--silent', f'katex@{version}'], cwd=tmp, check=True, stdout=subprocess.DEVNULL)
        with tarfile.open(next(Path(tmp).glob('*.tgz'))) as tar: tar.extractall(tmp, filter='data')
        dist = Path(tmp)/'package'/'dist'
        for file in [*dist.glob('katex.min.*'), *dist.glob('contrib/auto-render.min.js'), *dist.glob('fonts/*')]:
            to = folder/file.relative_to(dist)
            to.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(file, to)


def make_local(address: str):
    "Make links to the site's own `address` relative."
    for file in SITE.rglob('*.html'):
        file.write_text(re.sub(rf'(<a [^>]*href="){address}/?', r'\1', file.read_text(encoding='utf-8')), encoding='utf-8')


class Page(HTMLParser):
    "The ids in an HTML file, the addresses it links to, and those it loads."
    LOADS = {'script': 'src', 'img': 'src', 'iframe': 'src', 'source': 'src', 'video': 'src', 'audio': 'src', 'embed': 'src', 'link': 'href', 'object': 'data'}

    def __init__(self, file: Path):
        super().__init__()
        self.ids, self.links, self.loads = set(), [], []
        self.feed(file.read_text(encoding='utf-8'))

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        self.ids |= {attrs.get('id'), attrs.get('name') if tag == 'a' else None}
        if tag == 'a' and attrs.get('href'): self.links.append(attrs['href'])
        if attrs.get(self.LOADS.get(tag)): self.loads.append(attrs[self.LOADS[tag]])
        self.loads += re.findall(r'url\(([^)]*)\)', attrs.get('style') or '')

    def handle_data(self, data):
        if self.lasttag in ('script', 'style'): self.loads += re.findall(r"""(?:import|from|@import)\s*(?:url\()?['"]?(https?:[^'")]*)""", data)


def problems() -> list[str]:
    "One line for each link that leads nowhere and each thing that would come from the network."
    pages = {file: Page(file) for file in sorted(SITE.rglob('*.html'))}
    found = []

    def follow(file: Path, address: str, loads: bool):
        url = urlsplit(address)
        if url.scheme == 'data' or (not loads and (url.scheme or url.netloc)): return
        if url.scheme or url.netloc: return found.append(f'{file.name}: loads {address}')
        target = (file.parent/unquote(url.path)).resolve() if url.path else file
        if target.is_dir(): target /= 'index.html'
        if not target.is_relative_to(SITE) or not target.exists(): found.append(f'{file.name}: nothing at {address}')
        elif url.fragment and target in pages and unquote(url.fragment) not in pages[target].ids: found.append(f'{file.name}: no such place as {address}')

    for file, page in pages.items():
        for address in page.links: follow(file, address, loads=False)
        for address in page.loads: follow(file, address, loads=True)
    for file in sorted(SITE.rglob('*.css')):
        for address in re.findall(r"""url\(['"]?([^'")]*)""", file.read_text()): follow(file, address, loads=True)
    return found


if __name__ == '__main__':
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    pages = build()
    wrong = problems()
    print('\n'.join(dict.fromkeys(wrong)) or f'{len(pages.pages)} pages in _docs, every link leads somewhere, nothing comes from the network')
    sys.exit(bool(wrong))
