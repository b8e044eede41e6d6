#!/usr/bin/env python3
"""Look at every page of the built site as its readers do: in Chromium, at the width of a desktop
and of a phone, in light and in dark. `python tools/docs.py` builds the site; this finds

- errors in the console, images that are missing, and requests to another host;
- pages, tables, formulas and code wider than the space they have, without a sign that they scroll;
- result tables that show no number on a phone, and images that say nothing to those who can't see;
- text that is hard to read on its background;
- searches that do not lead to the right page first.

It needs Chromium and no other package, and is run by hand, before a release and after changes to
the looks of the site. With --shots FOLDER it also keeps a picture of each page.
"""
import argparse, base64, json, os, shutil, subprocess, sys, tempfile, threading
from collections import defaultdict
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

ROOT = Path(__file__).resolve().parent.parent
SITE = ROOT/'_docs'
WIDTHS = {'desktop': 1400, 'phone': 390}
SEARCHES = {'resume': 'interrupt_and_resume.html', 'install': 'index.html', 'own loss': 'your_own_method.html',
            'BGAT': 'bgat.html', 'multi-GPU': 'several_gpus.html',
            'pretrained': 'your_own_images.html', 'deploy': 'use_the_model.html',
            'any model': 'evaluate_any_model.html', 'lbgat_train': 'command_line.html',
            'reproduce': 'reproduce_the_paper.html', 'train faster': 'train_faster.html'}
FLAGS = ('--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-sync '
         '--disable-background-networking --disable-component-update --remote-debugging-pipe '
         '--hide-scrollbars').split()

# What is wrong with a page, a list of texts, told by a function of the browser's language.
LOOK = r"""(phone) => {
  const found = [], main = document.querySelector('main');
  const shown = o => o.getClientRects().length;
  const where = o => {
    const all = [...main.querySelectorAll('h1, h2, h3')];
    const above = all.filter(h => h.compareDocumentPosition(o) & Node.DOCUMENT_POSITION_FOLLOWING);
    return `“${(above.pop() || {textContent: 'the start'}).textContent.trim().slice(0, 60)}”`;
  };
  const scrolls = o => {     // the nearest box around o that scrolls
    for (; o && o !== document.body; o = o.parentElement)
      if (/auto|scroll/.test(getComputedStyle(o).overflowX)) return o;
  };
  if (document.documentElement.scrollWidth > innerWidth + 1) {
    const beyond = o => o.getBoundingClientRect().right > innerWidth + 1;
    const wide = [...document.body.querySelectorAll('*')].filter(o =>
      shown(o) && !scrolls(o) && beyond(o) && getComputedStyle(o).position !== 'fixed');
    const last = wide.slice(-1).map(o => o.outerHTML.slice(0, 80));
    found.push(`the page is wider than the screen: ${last}`);
  }
  for (const o of main.querySelectorAll('img, svg[role=img]')) {
    if (o.tagName === 'IMG' && o.complete && !o.naturalWidth)
      found.push(`an image is missing in ${where(o)}`);
    if (!(o.getAttribute('alt') || o.getAttribute('aria-label') || '').trim())
      found.push(`an image has no alternative text in ${where(o)}`);
  }
  const kinds = {table: 'table', '.katex-display': 'formula', pre: 'block of code'};
  for (const [selector, kind] of Object.entries(kinds))
    for (const o of main.querySelectorAll(selector)) {
      const box = scrolls(o);
      if (!shown(o) || !box || box.scrollWidth <= box.clientWidth + 1) continue;
      const cue = /local/.test(getComputedStyle(box).backgroundAttachment);
      const by = `in ${where(o)}: ${box.scrollWidth} of ${box.clientWidth} px`;
      if (!cue) found.push(`a ${kind} is cut without a sign ${by}`);
      else if (!phone && kind !== 'block of code') found.push(`a ${kind} is too wide ${by}`);
      else if (!phone && o.className.includes('cell-code')) found.push(`code is cut ${by}`);
    }
  if (phone) for (const o of main.querySelectorAll('table.dataframe')) {
    const box = scrolls(o), cells = [...o.querySelectorAll('tbody tr:first-child td')];
    const results = cells.filter(cell => /^[\d ±]+\.\d+/.test(cell.textContent.trim()));
    const whole = (results[1] || results[0] || cells[0] || o).getBoundingClientRect().right;
    if (shown(o) && box && whole > box.getBoundingClientRect().right + 1)
      found.push(`a table does not show its numbers on a phone in ${where(o)}`);
  }
  return found;
}"""

CONTRAST = r"""(dark) => {
  const light = c => {
    const scale = c.startsWith('color(') ? 1 : 255;     // color(srgb …) counts to 1
    const [r, g, b] = c.match(/[\d.]+/g).map(Number).map(v => v / scale)
      .map(v => v <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4);
    return .2126 * r + .7152 * g + .0722 * b;
  };
  const behind = o => {
    for (; o; o = o.parentElement) {
      const c = getComputedStyle(o).backgroundColor;
      if (!/, 0[.\d]*\)|transparent/.test(c)) return c;
    }
    return 'rgb(255, 255, 255)';
  };
  const found = {};
  if (dark !== light(getComputedStyle(document.body).backgroundColor) < .2)
    found['the page is not in the colours that the reader asks for'] = 1;
  const unseen = '.katex-mathml, .katex-html, svg, mark';
  for (const o of document.querySelectorAll('main *, nav a, nav span')) {
    const text = [...o.childNodes].some(n => n.nodeType === 3 && n.data.trim());
    const colour = getComputedStyle(o).color, ground = behind(o);
    if (!text || !o.getClientRects().length || o.closest(unseen) || /oklab/.test(colour)) continue;
    const [a, b] = [colour, ground].map(light).sort((x, y) => y - x);
    const by = (a + .05) / (b + .05);
    const what = `${o.tagName} .${o.className} (${colour} on ${ground})`;
    if (by < 3) found[`text is hard to read: ${what}`] = 1;
  }
  return Object.keys(found);
}"""

# Wait until a page has the colours that the reader's system asks for: its stylesheet may come late.
SETTLED = r"""async (dark) => {
  for (let i = 0; i < 30; i++) {
    await new Promise(done => setTimeout(done, 150));
    const [r, g, b] = getComputedStyle(document.body).backgroundColor.match(/[\d.]+/g).map(Number);
    if (!document.querySelector('main') || dark === r + g + b < 300) return;
  }
}"""

SEARCH = r"""async (text) => {
  const input = document.querySelector('#quarto-search input');
  input.value = text;
  input.dispatchEvent(new Event('input'));
  for (let i = 0; i < 60; i++) {
    await new Promise(done => setTimeout(done, 100));
    const first = document.querySelector('.smalldocs-search-results .search-result');
    if (first && i > 3) return first.getAttribute('href');
  }
  return 'nothing';
}"""


class Browser:
    "Chromium, told what to do through a pipe; `events` are what happened since a page was opened."
    def __init__(self, program: str):
        self.home = tempfile.TemporaryDirectory()
        (their_in, our_out), (our_in, their_out) = os.pipe(), os.pipe()
        os.set_inheritable(their_in, True), os.set_inheritable(their_out, True)
        line = ' '.join(['exec', program, *FLAGS, f'--user-data-dir={self.home.name}',
                         f'3<&{their_in} 4>&{their_out}'])
        self.process = subprocess.Popen(line, shell=True, close_fds=False,
                                        stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        os.close(their_in), os.close(their_out)
        self.out, self.into = open(our_out, 'wb', buffering=0), open(our_in, 'rb')
        self.count, self.events, self.rest, self.session = 0, [], b'', {}
        target = self('Target.createTarget', url='about:blank')['targetId']
        attached = self('Target.attachToTarget', targetId=target, flatten=True)
        self.session = {'sessionId': attached['sessionId']}
        for domain in ('Page', 'Runtime', 'Log', 'Network'): self(f'{domain}.enable')

    def read(self) -> dict:
        "The next message."
        while b'\0' not in self.rest:
            if not (more := os.read(self.into.fileno(), 1 << 20)): raise EOFError('Chromium ended')
            self.rest += more
        message, self.rest = self.rest.split(b'\0', 1)
        return json.loads(message)

    def __call__(self, method: str, **params) -> dict:
        "Have something done, and return what comes of it."
        self.count += 1
        message = dict(id=self.count, method=method, params=params, **self.session)
        self.out.write(json.dumps(message).encode() + b'\0')
        while (answer := self.read()).get('id') != self.count: self.events.append(answer)
        if 'error' in answer: raise RuntimeError(f'{method}: {answer["error"]["message"]}')
        return answer['result']

    def wait(self, method: str):
        "Read on until an event of this name."
        while not any(event.get('method') == method for event in self.events):
            self.events.append(self.read())

    def open(self, url: str, width: int):
        "Show a page in a window of this width, and wait until it is complete."
        self.events.clear()
        self('Emulation.setDeviceMetricsOverride', width=width, height=900, deviceScaleFactor=1,
             mobile=width < 600)
        self('Page.navigate', url=url)
        self.wait('Page.loadEventFired')
        self.ask('() => new Promise(done => setTimeout(done, 100))')

    def ask(self, function: str, *args):
        "What a function of the browser's language returns."
        call = f'({function})({", ".join(map(json.dumps, args))})'
        answer = self('Runtime.evaluate', expression=call, returnByValue=True, awaitPromise=True)
        if 'exceptionDetails' in answer: raise RuntimeError(answer['exceptionDetails'])
        return answer['result'].get('value')

    def colours(self, scheme: str):
        "Prefer light or dark, as the reader's system does."
        self('Emulation.setEmulatedMedia',
             features=[{'name': 'prefers-color-scheme', 'value': scheme},
                       {'name': 'prefers-reduced-motion', 'value': 'reduce'}])
        self.ask(SETTLED, scheme == 'dark')

    def shoot(self, file: Path):
        "Keep a picture of the whole page."
        size = self('Page.getLayoutMetrics')['cssContentSize']
        clip = dict(x=0, y=0, width=size['width'], height=min(size['height'], 16000), scale=1)
        data = self('Page.captureScreenshot', captureBeyondViewport=True, clip=clip)['data']
        file.write_bytes(base64.b64decode(data))

    def close(self):
        self('Browser.close')
        self.process.wait()
        self.home.cleanup()


def happened(events: list[dict]) -> list[str]:
    "What went wrong while a page was loaded."
    found = []
    for event in events:
        method, params = event.get('method'), event.get('params', {})
        if method == 'Network.requestWillBeSent':
            url = urlsplit(params['request']['url'])
            if url.scheme in ('http', 'https') and url.hostname != '127.0.0.1':
                found.append(f'a request to another host: {url.geturl()}')
        elif method == 'Network.responseReceived' and params['response']['status'] >= 400:
            found.append(f'not found: {urlsplit(params["response"]["url"]).path}')
        elif method == 'Log.entryAdded' and params['entry']['level'] in ('error', 'warning'):
            found.append(f'console: {params["entry"]["text"]}')
        elif method == 'Runtime.consoleAPICalled' and params['type'] in ('error', 'warning'):
            found.append(f'console: {params["args"][0].get("value")}')
        elif method == 'Runtime.exceptionThrown':
            found.append(f'exception: {params["exceptionDetails"]["text"]}')
    return found


def serve() -> str:
    "Serve the site on a port of this machine, and return its address."
    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *args): pass
    server = ThreadingHTTPServer(('127.0.0.1', 0), partial(Quiet, directory=SITE))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return f'http://127.0.0.1:{server.server_port}'


def look(browser: Browser, address: str, pages: list[str], shots: Path | None):
    "What is wrong, and on which pages."
    found = defaultdict(list)
    for page in pages:
        for name, width in WIDTHS.items():
            browser.colours('light')
            browser.open(f'{address}/{page}', width)
            wrong = happened(browser.events) + browser.ask(LOOK, name == 'phone')
            for scheme in ('light', 'dark'):
                browser.colours(scheme)
                wrong += [f'{what} ({scheme})' for what in browser.ask(CONTRAST, scheme == 'dark')]
                if shots: browser.shoot(shots/f'{Path(page).stem}-{name}-{scheme}.png')
            for what in dict.fromkeys(wrong): found[what].append(f'{page} ({name})')
    return found


def search(browser: Browser, address: str):
    "Searches whose first result is another page than the one that answers."
    found = defaultdict(list)
    browser.colours('light')
    for text, page in SEARCHES.items():
        browser.open(f'{address}/index.html', WIDTHS['desktop'])
        first = browser.ask(SEARCH, text)
        if not first.removeprefix('./').startswith(page):
            found[f'the search for “{text}” leads to {first} first, not to {page}'].append('search')
    return found


if __name__ == '__main__':
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('pages', nargs='*', help='such as bgat.html (default: all)')
    parser.add_argument('--shots', type=Path, help='a folder for pictures of the pages')
    args = parser.parse_args()
    program = next(filter(None, map(shutil.which, ('chromium', 'google-chrome', 'chrome'))), None)
    if not program: sys.exit('There is no Chromium on this machine')
    if args.shots: args.shots.mkdir(parents=True, exist_ok=True)
    pages = args.pages or sorted(file.name for file in SITE.glob('*.html'))
    browser, address = Browser(program), serve()
    found = look(browser, address, pages, args.shots) | search(browser, address)
    browser.close()
    for what, where in found.items(): print(f'{what}: {", ".join(dict.fromkeys(where))}')
    print(f'{len(pages)} pages at {" and ".join(map(str, WIDTHS.values()))} px, in light and dark: '
          f'{len(found) or "no"} problems')
    sys.exit(bool(found))
