"What importing each module of the library takes, and what each command takes to answer --help"
import json, subprocess, sys
from importlib.metadata import entry_points
from pkgutil import iter_modules
from statistics import median
import lbgat_nb

ask = '''
import atexit, json, re, sys, time
from pathlib import Path
def report():
    peak = int(re.search(r'VmHWM:\\s+(\\d+)', Path('/proc/self/status').read_text())[1])/1024
    heavy = [o for o in ('torch','fastai','sklearn','pyautoattack') if o in sys.modules]
    print(json.dumps(dict(seconds=time.process_time(), mib=peak, loads=heavy)))
atexit.register(report)
'''   # a process's own time begins with its interpreter

def alone(code):
    "Processor seconds, MiB and heavy packages of a fresh process that runs `code`"
    run = subprocess.run([sys.executable, '-W', 'ignore', '-c', ask+code],
                         capture_output=True, text=True, check=True)
    return json.loads(run.stdout.splitlines()[-1])

def subjects():
    "Name and code of each thing to measure: packages it stands on, its modules, its commands"
    for name in ('torch','fastai.vision.all'): yield f'import {name}', f'import {name}'
    for m in iter_modules(lbgat_nb.__path__):
        if not m.name.startswith('_'):
            yield f'import lbgat_nb.{m.name}', f'import lbgat_nb.{m.name}'
    for o in sorted(entry_points(group='console_scripts'), key=lambda o: o.name):
        if o.value.startswith('lbgat_nb.'):
            code = f'sys.argv = [{o.name!r}, "--help"]; from {o.module} import {o.attr}; {o.attr}()'
            yield f'{o.name} --help', code

def imports(rounds=3):
    "Each in a process of its own, `rounds` times by turns; the median of the processor's seconds"
    todo = dict(subjects())
    seen = {name: [] for name in todo}
    for _ in range(rounds):
        for name,code in todo.items(): seen[name].append(alone(code))
    rows = {name: dict(seconds=median(o['seconds'] for o in runs),
                       mib=median(o['mib'] for o in runs), loads=runs[0]['loads'])
            for name,runs in seen.items()}
    print('\nimports, processor seconds and peak memory of a fresh process')
    for name,r in rows.items():
        print(f"  {name:28} {r['seconds']:5.2f} s {r['mib']:6.0f} MiB   {' '.join(r['loads'])}")
    return [dict(what='imports', rounds=rounds, rows=rows)]
