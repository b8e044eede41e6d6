#!/usr/bin/env python3
"""Kill runs at random moments, let them go on, and compare each with one that was left alone: weights,
logs and records, bit for bit.

A chain is one `lbgat_train` on digits with small networks: guides, training, the undefended network,
evaluation. It is killed several times, by SIGKILL, SIGTERM and SIGINT, and started again by `--resume`.
`--renames` kills a run before each file that it puts in its place. `--soak` trains and evaluates for
long in one process, and looks at its memory and open files. Exit code 1 if anything differed."""
import argparse, csv, json, os, random, resource, signal, sys, tempfile, time, traceback
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
import torch
import lbgat_nb.cli, lbgat_nb.runs    # once: each child is forked from here

OPTIONS = dict(
    method='bgat', robust='resnet10_w2', natural='resnet10_w1+wrn_10_1', epochs=2, n_train=200, bs=16,
    steps=2, seed=3, attacks='clean,pgd20,autoattack', n_autoattack=4, device='cpu',
    save_minutes=0.001, quiet=True)


def start(folder: Path, out: Path, before=None) -> int:
    "Fork a child that starts the run in `folder` or goes on with it, after calling `before()`; its process id."
    sys.stdout.flush()
    if pid := os.fork(): return pid
    code = 70
    try:
        fd = os.open(out, os.O_WRONLY|os.O_CREAT|os.O_TRUNC, 0o644)
        for std in (1, 2): os.dup2(fd, std)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        if before: before()
        resume = (folder/'settings.json').exists()
        lbgat_nb.cli.lbgat_train(run=str(folder), resume=resume, **OPTIONS)
        code = 0
    except SystemExit as e: code = e.code or 0
    except BaseException: traceback.print_exc()
    finally:
        sys.stdout.flush()
        os._exit(code)


def wait(pid: int, seconds: float = float('inf')):
    "The exit code of a child, minus its signal if that ended it; None if it is still at work by then."
    until = time.monotonic()+seconds
    while True:
        done, status = os.waitpid(pid, os.WNOHANG)
        if done: return os.waitstatus_to_exitcode(status)
        if time.monotonic()>until: return None
        time.sleep(0.005)


def content(file: Path):
    "What has to be the same in two files: not the times, nor the order in which PyTorch stores tensors."
    if file.suffix=='.pt':
        state = torch.load(file, weights_only=True)
        return plain({k: v for k, v in state.items() if k not in ('rows', 'form')})
    if file.suffix=='.csv': return [timeless(row) for row in csv.DictReader(file.open())]
    if file.suffix=='.json':
        read = json.loads(file.read_text())
        return [timeless(o) for o in read] if isinstance(read, list) else timeless(read)
    return file.read_bytes()


def timeless(o): return {k: v for k, v in o.items() if k not in ('seconds', 'date')}


def plain(o):
    "Tensors as bytes, in containers too, so that they can be compared."
    if isinstance(o, torch.Tensor): return o.dtype, o.shape, o.numpy().tobytes()
    if isinstance(o, dict): return {k: plain(v) for k, v in o.items()}
    return [plain(v) for v in o] if isinstance(o, (list, tuple)) else o


def differences(a: Path, b: Path) -> list[str]:
    "The names of files that are missing in one of two folders or differ."
    ours, theirs = ({f.relative_to(o): f for f in o.rglob('*') if f.is_file()} for o in (a, b))
    odd = ours.keys() ^ theirs.keys()
    differ = [k for k in ours.keys()&theirs.keys() if content(ours[k])!=content(theirs[k])]
    return sorted(map(str, [*odd, *differ]))


def place(folder: Path) -> str:
    "What the run in `folder` was at."
    if any(folder.glob('autoattack-*.json')): return 'AutoAttack'
    if (folder/'results.json').exists(): return 'evaluation'
    if (folder/'undefended').exists(): return 'baseline'
    if (folder/'resume.pt').exists(): return 'training'
    return 'guides' if (folder/'natural').exists() else 'start'


EXPECTED = {signal.SIGKILL: {-9}, signal.SIGTERM: {143, -15}, signal.SIGINT: {130}}


def chain(home: Path, name: str, rng: random.Random, kills: int, mean: float) -> tuple[list, list]:
    "Kill one run up to so often, after `mean` seconds on average: what it was at each time, and what went wrong."
    folder, out, hit, wrong = home/name, home/f'{name}.out', [], []
    while True:
        pid = start(folder, out)
        code = wait(pid, rng.expovariate(1/mean)) if len(hit)<kills else wait(pid)
        if code is not None: break
        number = rng.choice(list(EXPECTED))
        os.kill(pid, number)
        code = wait(pid)
        if code==0: break   # it was done
        hit.append(f'{place(folder)} {signal.Signals(number).name}')
        if code not in EXPECTED[number]: wrong.append(f'{hit[-1]}: exit code {code}')
    if code!=0: wrong.append(f'ended with {code}: {out.read_text()[-500:]}')
    return hit, wrong


def before_rename(k: int, seen=None):
    "Make this process kill itself before it renames a file for the `k`-th time; or write the names to `seen`."
    rename, files = os.replace, []
    def replace(source, target):
        files.append(target)
        if seen: seen.write_text('\n'.join(str(Path(o).name) for o in files))
        elif len(files)==k: os.kill(os.getpid(), signal.SIGKILL)
        rename(source, target)
    os.replace = replace


def reference(home: Path) -> tuple[Path, float, list]:
    "A run that is left alone: its folder, the seconds it took, the names of the files it renamed."
    folder, begin = home/'whole', time.monotonic()
    code = wait(start(folder, home/'whole.out', lambda: before_rename(0, home/'renames')))
    if code: sys.exit(f"The run that was left alone failed: {(home/'whole.out').read_text()}")
    return folder, time.monotonic()-begin, (home/'renames').read_text().splitlines()


def random_kills(home: Path, wanted: int, seed: int) -> int:
    "Chains of up to six kills; the number of chains in which something was wrong."
    whole, seconds, _ = reference(home)
    print(f'left alone, the run takes {seconds:.1f} s', flush=True)
    rng, kills, places, bad = random.Random(seed), 0, {}, 0
    for c in range(wanted):
        if kills>=wanted: break
        hit, wrong = chain(home, f'chain{c}', rng, min(6, wanted-kills), seconds/4)
        wrong += differences(whole, home/f'chain{c}')
        kills, bad = kills+len(hit), bad+bool(wrong)
        for o in hit: places[o] = places.get(o, 0)+1
        print(f"chain {c}: {len(hit)} kills, {'; '.join(wrong) or 'equal'}", flush=True)
    print(f'{kills} kills, {bad} chains that were not equal')
    for o, n in sorted(places.items()): print(f'  {n:3} {o}')
    return bad


def rename_kills(home: Path, every: int) -> int:
    "A run for each of the files that a run renames, or each `every`-th, killed before that."
    whole, _, names = reference(home)
    bad, todo = 0, range(1, len(names)+1, every)
    for k in todo:
        folder, out = home/f'rename{k}', home/f'rename{k}.out'
        codes = wait(start(folder, out, lambda: before_rename(k))), wait(start(folder, out))
        wrong = differences(whole, folder) if codes==(-9, 0) else [f'exit codes {codes}', out.read_text()[-500:]]
        bad += bool(wrong)
        if wrong: print(f'before rename {k}, of {names[k-1]}: {wrong}', flush=True)
    print(f'{len(todo)} of {len(names)} renames, {bad} runs that were not equal')
    return bad


def soak(home: Path, steps: int, evaluations: int) -> int:
    "One process that trains for so many steps and evaluates so often; 1 if it grew."
    # always as many images: for each new shape of a batch oneDNN compiles kernels, and keeps them
    from lbgat_nb.evaluate import evaluate
    from lbgat_nb.runs import make_settings, Run
    from lbgat_nb.weights import load_robust
    def size():
        pages = int(Path('/proc/self/statm').read_text().split()[1])
        return pages*resource.getpagesize()/2**20, len(os.listdir('/proc/self/fd'))
    s = make_settings(robust='resnet10_w2', natural='resnet10_w1', n_train=200, bs=16, steps=2,
                      epochs=10, device='cpu')
    a_run, seen, k, done = 10*12, [], 0, 0
    while done<steps or len(seen)<evaluations:
        run = Run(s, home/f'soak{k}', progress=False, verbose=False)
        if done<steps: done += run.train().train_iter
        else: run = Run.open(home/'soak0', progress=False, verbose=False)
        for _ in range(max(1, evaluations//max(1, steps//a_run))):   # a seed each, so none is read
            evaluate(load_robust(run.best), run.dls.test, s.eps, ('clean', 'pgd20'), 100, progress=False,
                     seed=len(seen), folder=run.folder)
            seen.append(size())
        k += 1
        print(f'{done:5} steps, {len(seen):3} evaluations: {seen[-1][0]:6.0f} MiB, {seen[-1][1]} files', flush=True)
    (early, files), (late, files_late) = seen[len(seen)//2], seen[-1]
    print(f'in the second half: {late-early:+.1f} MiB, {files_late-files:+} open files')
    return int(late-early>20 or files_late>files)


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument('--kills', type=int, default=0, help='kills at random moments')
    p.add_argument('--renames', type=int, default=0, metavar='N', help='a kill before each N-th rename')
    p.add_argument('--soak', type=int, default=0, metavar='STEPS', help='steps to train for, with an evaluation every 40')
    p.add_argument('--seed', type=int, default=0, help='of the kills')
    args = p.parse_args()
    torch.set_num_threads(1)
    bad = 0
    for part, f in ((args.kills, lambda home: random_kills(home, args.kills, args.seed)),
                    (args.renames, lambda home: rename_kills(home, args.renames)),
                    (args.soak, lambda home: soak(home, args.soak, args.soak//40))):
        if not part: continue
        with tempfile.TemporaryDirectory() as home: bad += f(Path(home))
    sys.exit(min(bad, 1))


if __name__=='__main__': main()
