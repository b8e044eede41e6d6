#!/usr/bin/env python3
"""Damage the files that the library reads, at random and with intent, and look at what it makes of them.

Weights, their headers, settings, records and logs, resume files, archives, images, and what is typed on the
command line. Each case is one file in a folder of its own. It is refused in one line, or what comes of it is
what comes of the whole file. No code in a file may run, nothing may be written outside the folder, and
neither time nor memory may be lost. Exit code 1 if a case ended otherwise; `--only KIND NUMBER` tries that
one again."""
import argparse, io, json, os, pickle, random, resource, shutil, signal, stat, struct, sys, tarfile
import tempfile, traceback, warnings, zipfile
from collections import Counter
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from unittest import mock

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent)]
sys.dont_write_bytecode = True
import torch
from fastai.basics import Callback, defaults
from fastcore.script import parse_cli
from PIL import Image
from endurance import differences
from lbgat_nb import cli
from lbgat_nb.core import InputError
from lbgat_nb.data import imagefolder_dls
from lbgat_nb.download import unpack
from lbgat_nb.evaluate import _Progress
from lbgat_nb.networks import create_model
from lbgat_nb.records import results_table
from lbgat_nb.runs import make_settings, Run
from lbgat_nb.sanity import read_checks
from lbgat_nb.weights import load_robust, load_weights, read_header

SECONDS, MIB = 30, 500   # more than that of time and memory is lost


class Fault(Exception): "What must not happen"


class Begun(Exception): "The command line was accepted"


# What is done to whole files

HOSTILE = [None, True, -1, 0, 1.5, 10**30, float('nan'), float('inf'), '', 'x', '1', '../../outside', '/etc/passwd',
           '/dev/zero', '$(touch owned)', '\0', '\ud800', '\u202e', 'a'*10_000, [], {}, [None], ['..'], {'a': {}}]


def cut(rng, data): return data[:rng.randrange(len(data))]


def bits(rng, data):
    data = bytearray(data)
    for _ in range(rng.choice((1, 1, 3))):
        within = rng.choice((len(data), min(len(data), 1500)))
        data[rng.randrange(within)] ^= 1 << rng.randrange(8)
    return bytes(data)


def block(rng, data):
    "A piece is overwritten by noise, zeros or another piece, as on a broken disk."
    n = rng.randrange(1, min(4096, len(data)//2))
    at, other = (rng.randrange(len(data)-n) for _ in range(2))
    return data[:at] + rng.choice((rng.randbytes(n), bytes(n), data[other:other+n])) + data[at+n:]


def longer(rng, data): return data + rng.randbytes(rng.randrange(1, 99))


def noise(rng, data): return rng.randbytes(rng.randrange(3000))


PLAIN = bits, bits, cut, block, longer, noise   # what happens to files that nobody means harm


def places(o, path=()):
    "The paths to all that is in containers."
    items = o.items() if isinstance(o, dict) else enumerate(o) if isinstance(o, list) else ()
    for k, v in items:
        yield (*path, k)
        yield from places(v, (*path, k))


def at(o, path):
    for k in path: o = o[k]
    return o


def changed(rng, o):
    "A value anywhere in `o` is gone, is in a list, or is another one: a hostile one, or that of another place."
    paths = list(places(o))
    *path, k = rng.choice(paths)
    home = at(o, path)
    way = rng.randrange(8)
    if way==0: del home[k]
    elif way==1: home[k] = [home[k]]
    elif way==2: home[k] = at(o, rng.choice(paths))
    else: home[k] = rng.choice(HOSTILE)
    return o


def in_json(rng, data):
    try: return json.dumps(changed(rng, json.loads(data))).encode()
    except ValueError: return b'{"a": '*rng.choice((1, 100_000))   # it holds itself


def in_header(rng, data):
    "The header of a weights file says something else."
    length, = struct.unpack('<Q', data[:8])
    header = json.loads(data[8:8+length])
    told = header['__metadata__']['lbgat_nb'].encode()
    header['__metadata__']['lbgat_nb'] = in_json(rng, told).decode()
    text = json.dumps(header).encode()
    return struct.pack('<Q', len(text))+text+data[8+length:]


def torched(o, **kwargs):
    torch.save(o, f := io.BytesIO(), **kwargs)
    return f.getvalue()


def in_state(rng, data): return torched(changed(rng, torch.load(io.BytesIO(data), weights_only=True)))


class Calling:
    "When it is unpickled, it calls `f`."
    def __init__(self, f, *args): self.f, self.args = f, args
    def __reduce__(self): return self.f, self.args


def trojan(rng, data):
    "A pickle that does something, if it is opened carelessly, or grows."
    bomb = rng.choice((Calling(os.system, 'touch owned'), Calling(Path.touch, Path('owned')),
                       Calling(eval, "open('owned', 'w')"), Calling(bytearray, 3*10**9)))
    if rng.random()<0.3: return pickle.dumps({'fc.weight': bomb}, protocol=2)
    return torched({'model': {}, 'more': bomb}, _use_new_zipfile_serialization=rng.random()<0.7)


def zeros(rng, data):
    "An archive that unpacks to a thousand times its size."
    with zipfile.ZipFile(f := io.BytesIO(), 'w', zipfile.ZIP_DEFLATED) as z: z.writestr('a/data.pkl', bytes(10**8))
    return f.getvalue()


NAMES = ('../out', '../../out', '/tmp/out', 'images/../../out', '..\\out', 'C:/out', '', '.', 'images', 'images/x',
         'images/'+'a'*300, 'images/\0x', 'images/./../images/x', 'images/\udc80', 'more/x')


def in_tar(rng, data):
    "A member more, which leads elsewhere, is a link or a device, or is a header for the next."
    with tarfile.open(fileobj=io.BytesIO(data)) as f: members = [(o, f.extractfile(o).read()) for o in f]
    o = tarfile.TarInfo(rng.choice(NAMES))
    o.type = rng.choice((tarfile.REGTYPE, tarfile.REGTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE,
                         tarfile.CHRTYPE, tarfile.DIRTYPE, tarfile.GNUTYPE_LONGNAME, tarfile.XHDTYPE))
    o.linkname, o.mode, o.size = rng.choice(('/etc', '../..', '.', 'images/train')), rng.choice((0o4777, 0)), 6
    members.insert(rng.randrange(len(members)+1), (o, b'gotcha'))
    with tarfile.open(fileobj=(f := io.BytesIO()), mode='w:gz') as z:
        for o, content in members: z.addfile(o, io.BytesIO(content))
    return f.getvalue()


def in_zip(rng, data):
    "The same for a zip file."
    with zipfile.ZipFile(io.BytesIO(data)) as f: members = [(o, f.read(o)) for o in f.infolist()]
    o = zipfile.ZipInfo(rng.choice(NAMES[:-1]+('images/y',)))
    o.external_attr = (rng.choice((0, stat.S_IFLNK, stat.S_IFIFO, stat.S_IFREG)) | 0o4777) << 16
    members.insert(rng.randrange(len(members)+1), (o, rng.choice((b'/etc', bytes(10**7)))))
    with zipfile.ZipFile(f := io.BytesIO(), 'w', zipfile.ZIP_DEFLATED) as z:
        for o, content in members: z.writestr(o, content)
    return f.getvalue()


def odd_image(rng, data):
    "Something else that calls itself an image, or one that says it is huge."
    huge = data[:16] + struct.pack('>II', *rng.choice(((10**5, 10**5), (0, 8), (2**31-1, 1)))) + data[24:]
    svg = b'<svg xmlns="http://www.w3.org/2000/svg"><image href="file:///etc/passwd"/></svg>'
    eps = b'%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 8 8\n(owned) (w) file closefile\n'
    return rng.choice((huge, svg, eps, b'', b'GIF89a', b'text', pickle.dumps(Calling(os.system, 'touch owned'))))


# What is read, and what has to come of it

def spoil(rng, file, target, ways):
    "Write a damaged copy of `file` to `target`; what was done to it."
    way, data = rng.choice(ways), file.read_bytes()
    try: new = way(rng, data)
    except (UnicodeError, ValueError, OverflowError): new, way = b'', cut   # what can't be written
    target.write_bytes(new)
    return way


def same(fine, what='something else came of it'):
    if not fine: raise Fault(what)


def equal(a, b): return a.keys()==b.keys() and all(torch.equal(a[k], b[k]) for k in a)


def tree(folder): return {str(o.relative_to(folder)): o.read_bytes() for o in folder.rglob('*') if o.is_file()}


def command(name, *argv):
    "A command as the shell calls it. `InputError` where it ends with exit code 2 and one line."
    f, out, err = getattr(cli, name).__wrapped__, io.StringIO(), io.StringIO()
    try:
        with mock.patch.object(sys, 'argv', [name, *argv]), redirect_stdout(out), redirect_stderr(err):
            given, options, _ = parse_cli(f)
            f(*given, **options)
    except SystemExit as e:
        said = err.getvalue().splitlines()
        if said and said[0].startswith('usage: '): said = said[-1:]
        same(e.code==2 and len(said)==1, f'exit code {e.code}: {err.getvalue()}')
        raise InputError(said[0]) from None


class Whole:
    """The whole files, made once. Each kind of case is a method: it damages one, reads it, raises `InputError` if
    that is refused, and `Fault` if what comes of it is not right."""
    def __init__(self, home):
        self.home = home
        self.settings_ = make_settings(method='lbgat', robust='resnet10_w2', natural='resnet10_w1', epochs=2, n_train=64,
                                       bs=32, steps=1, device='cpu', save_minutes=0.)
        self.run('whole').train()
        self.stop()
        shutil.copytree(home/'whole', home/'evaluated')
        self.net = load_robust(home/'whole'/'best.safetensors').state_dict()
        torch.save(self.net, home/'bare.pt')
        self.answers = self.evaluate(home/'evaluated')
        self.interrupt_evaluation()
        self.make_images()

    def run(self, name): return Run(self.settings_, self.home/name, progress=False, verbose=False)

    def stop(self):
        "The same run, stopped in its second epoch"
        class Stop(Callback):
            def before_batch(self):
                if self.training and (self.epoch, self.iter)==(1, 1): raise KeyboardInterrupt
        defaults.callbacks.append(Stop)
        try: self.run('stopped').train()
        except KeyboardInterrupt: pass
        finally: defaults.callbacks.remove(Stop)

    def evaluate(self, folder, attacks=('clean', 'pgd20', 'apgd-ce')):
        "The answers of a run's network, as its records have them"
        records = Run.open(folder, progress=False).evaluate(attacks, n=16, baseline=False)
        results_table(records)
        cli._say_checks(read_checks(folder))
        return {(r['flags'], r['correct'], r['accuracy']) for r in records}

    def interrupt_evaluation(self):
        "AutoAttack's record is gone, and what it keeps on the way is there"
        folder, save = self.home/'evaluated', _Progress.save
        records = json.loads((folder/'results.json').read_text())
        (folder/'results.json').write_text(json.dumps(records[:-1]))
        def save_and_stop(*args):
            save(*args)
            raise KeyboardInterrupt
        with mock.patch.object(_Progress, 'save', save_and_stop):
            try: self.evaluate(folder)
            except KeyboardInterrupt: pass

    def make_images(self):
        rng, images = random.Random(0), self.home/'images'
        for i, suffix in enumerate(('png', 'jpg', 'gif', 'png')):
            for name in ('blue', 'red'):
                file = images/('test' if i==3 else 'train')/name/f'{i}.{suffix}'
                file.parent.mkdir(parents=True, exist_ok=True)
                Image.frombytes('RGB', (8, 8), rng.randbytes(192)).save(file)
        self.pixels = self.load(images)
        with tarfile.open(self.home/'images.tgz', 'w:gz') as tar, zipfile.ZipFile(self.home/'images.zip', 'w', 8) as z:
            for o in sorted(images.rglob('*.*')):
                for add in (tar.add, z.write): add(o, o.relative_to(self.home))
        self.unpacked = tree(images)

    def load(self, images):
        dls = imagefolder_dls(images, valid_pct=0, device='cpu', cache_dir=images.parent)
        return {'train': dls.train_ds.x, 'test': dls.test_ds.x}

    def copy(self, name, folder): shutil.copytree(self.home/name, folder, dirs_exist_ok=True)

    def weights(self, rng, folder):
        ours = rng.random()<0.5
        file = folder/'best.safetensors' if ours else folder/'bare.pt'
        way = spoil(rng, self.home/('whole' if ours else '')/file.name, file,
                    PLAIN if ours else (*PLAIN, in_state, in_state, trojan, zeros))
        model = create_model('resnet10_w2', 10, 1)
        before = {k: v.clone() for k, v in model.state_dict().items()}
        try: load_weights(model, file, verbose=False)
        except InputError:
            same(equal(model.state_dict(), before), 'half of it was loaded')
            if not ours: raise
            load_robust(file)   # refuses it, too
            raise Fault('only load_weights refuses it')
        same(way not in PLAIN or equal(model.state_dict(), self.net))
        if ours: same(equal(load_robust(file).state_dict(), self.net))

    def headers(self, rng, folder):
        file = folder/'best.safetensors'
        spoil(rng, self.home/'whole'/file.name, file, (in_header,))
        read_header(file)
        same(equal(load_robust(file).state_dict(), self.net))

    def resume(self, folder):
        command('lbgat_train', '--run', str(folder), '--resume', '--no-eval', '--quiet')
        return [o for o in differences(self.home/'whole', folder) if o!='settings.json']

    def settings(self, rng, folder):
        self.copy('stopped', folder)
        file = folder/'settings.json'
        spoil(rng, file, file, (in_json,)*6+PLAIN)
        asked = Run.open(folder).settings
        if asked.epochs>2: return   # who asks for more gets more
        odd = self.resume(folder)
        same(asked!=self.settings_ or not odd, f'other files: {odd}')

    def state(self, rng, folder):
        self.copy('stopped', folder)
        file = folder/'resume.pt'
        way = spoil(rng, file, file, (in_state,)*4+(trojan, zeros)+PLAIN)
        odd = self.resume(folder)
        same(way not in PLAIN or not odd, f'other files: {odd}')

    def results(self, rng, folder):
        self.copy('evaluated', folder)
        files = sorted(o for o in folder.rglob('*.*') if o.suffix in ('.json', '.csv', '.safetensors'))
        file = rng.choice(files)
        spoil(rng, file, file, (in_json,)*4+PLAIN if file.suffix=='.json' else PLAIN)
        same(self.evaluate(folder)==self.answers)

    def archives(self, rng, folder):
        name, hostile = rng.choice((('images.tgz', in_tar), ('images.zip', in_zip)))
        way = spoil(rng, self.home/name, folder/name, (hostile,)*6+PLAIN)
        found = tree(unpack(folder/name, folder/'out', most=2**20))
        same(found==self.unpacked or way is hostile and {*self.unpacked.values()}<={*found.values()})

    def images(self, rng, folder):
        self.copy('images', folder/'images')
        file = rng.choice(sorted((folder/'images').rglob('*.*')))
        way = spoil(rng, file, file, (odd_image,)*3+PLAIN)
        found = self.load(folder/'images')
        same(file.suffix!='.png' or way is odd_image or all(torch.equal(found[k], v) for k, v in self.pixels.items()))

    def command(self, rng, folder):
        value = rng.choice([str(o) for o in HOSTILE if o!='\0'] + ['--', '-', '@x', '%s%n', '1'*5000, '1e400', '0x10',
                           '٣', 'timm:x', 'torchvision:x', '+', '(', 'x+x', 'clean,clean', ',', 'cifar10', 'file', '.'])
        (folder/'file').touch()
        name, start, options = rng.choice((
            ('lbgat_train', ['--no-eval', '--quiet', '--device', 'cpu', '--n-train', '64'],
             'data method alpha beta robust natural natural-weights eps steps epochs bs lr first size n-train valid-pct '
             'seed precision device save-minutes run attacks n-autoattack nonsense'),
            ('lbgat_eval', [str(self.home/'whole'), '--quiet', '--device', 'cpu', '--n', '4', '--attacks', 'clean'],
             'weights data eps attacks n n-autoattack seed device nonsense'),
            ('lbgat_eval', ['--quiet', '--attacks', 'clean'], ''),
            ('lbgat_reproduce', ['--quiet', '--root', '.'], 'table run scale'), ('lbgat_report', ['--quiet'], 'scale root')))
        option = [f'--{rng.choice(options.split())}'] if options else []
        with mock.patch.object(Run, 'fit', side_effect=Begun): command(name, *start, *option, value)


class Watch:
    "Notes what must not happen, and stops it."
    writes = {'os.mkdir': 0, 'os.rename': 1, 'os.remove': 0, 'os.rmdir': 0, 'os.symlink': 1, 'os.link': 1, 'os.chmod': 0}
    runs = 'os.system', 'subprocess.Popen', 'os.exec', 'os.posix_spawn', 'os.fork', 'socket.connect'

    def __init__(self, home):
        self.home, self.seen, self.on = home.resolve(), [], False
        sys.addaudithook(self)

    def __call__(self, event, args):
        if not self.on: return
        if event in self.runs: self.stop(f'{event} {args}')
        elif event=='open' and args[2] & (os.O_WRONLY|os.O_RDWR|os.O_CREAT): self.written(args[0])
        elif event in self.writes: self.written(args[self.writes[event]])

    def written(self, path):
        if isinstance(path, int) or path==os.devnull: return
        if not Path(os.path.abspath(os.fsdecode(path))).is_relative_to(self.home): self.stop(f'{path} is written')

    def stop(self, what):
        self.seen.append(what)
        raise Fault(what)


def too_long(*_): raise Fault(f'it takes more than {SECONDS} seconds')


def memory(): return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss/1024


def one_case(whole, watch, kind, k, seed):
    "How case `k` of a kind ended, and what was wrong with that."
    folder, before = whole.home/'case', memory()
    folder.mkdir()
    os.chdir(folder)
    outside, watch.seen, watch.on = set(whole.home.iterdir()), [], True
    signal.alarm(SECONDS)
    try:
        getattr(whole, kind)(random.Random(f'{seed} {kind} {k}'), folder)
        end, wrong = 'read', ''
    except Begun: end, wrong = 'read', ''
    except InputError as e: end, wrong = 'refused', 'more than a line' if len(str(e).rpartition('\t')[2].splitlines())>1 else ''
    except BaseException: end, wrong = 'fault', traceback.format_exc()
    finally:
        signal.alarm(0)
        watch.on = False
    wrong = wrong or '; '.join(watch.seen)
    if memory()>before+MIB: wrong = f'{memory()-before:.0f} MiB more memory'
    if (folder/'owned').exists() or set(whole.home.iterdir())!=outside: wrong = 'there is a file that nobody asked for'
    os.chdir(whole.home)
    shutil.rmtree(folder)
    return ('fault' if wrong else end), wrong


KINDS = dict(weights=5, headers=2, settings=2, results=1, state=1, archives=5, images=2, command=2)   # of 20


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument('--files', type=int, default=200, help='cases, of all kinds')
    p.add_argument('--seed', type=int, default=0, help='of the damage')
    p.add_argument('--only', nargs=2, metavar=('KIND', 'NUMBER'), help='try one case')
    args = p.parse_args()
    torch.set_num_threads(1)
    warnings.simplefilter('ignore')
    signal.signal(signal.SIGALRM, too_long)
    ends, faults = Counter(), 0
    with tempfile.TemporaryDirectory() as home:
        os.environ |= dict(FASTAI_HOME=f'{home}/fastai', LBGAT_DATA=f'{home}/data')
        whole, watch = Whole(Path(home)/'home'), Watch(Path(home))
        for kind, share in KINDS.items():
            cases = range(args.files*share//20)
            if args.only: cases = [int(args.only[1])] if kind==args.only[0] else []
            for k in cases:
                end, wrong = one_case(whole, watch, kind, k, args.seed)
                ends[kind, end] += 1
                if wrong: print(f'--only {kind} {k}: {wrong}', flush=True)
            told = ', '.join(f'{n} {end}' for (o, end), n in sorted(ends.items()) if o==kind)
            if cases: print(f'{kind:9} {told}', flush=True)
        os.chdir(HERE)
    faults = sum(n for (_, end), n in ends.items() if end=='fault')
    print(f'{sum(ends.values())} damaged or hostile files, {faults} faults')
    sys.exit(min(faults, 1))


if __name__=='__main__': main()
