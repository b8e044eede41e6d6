"""How the docs pages show what a notebook exports: name, docstring and parameters, then the code.

pyproject.toml names these classes to nbdev, in place of its own: `renderer`, and `doc_procs` for
what `skip_procs` leaves out. The pages show the library as it was exported; no notebook is run.
"""
import ast, inspect, re
from functools import partial
from inspect import Parameter
from textwrap import dedent

from fastcore.docments import docments
from fastcore.nbio import mk_cell
from nbdev.config import get_config
from nbdev.process import Processor
from nbdev.processors import exec_show_docs
from nbdev.showdoc import BasicMarkdownRenderer

STARS = {Parameter.VAR_POSITIONAL: '*', Parameter.VAR_KEYWORD: '**'}


def defines_init(cls) -> bool: return '__init__' in vars(cls)


def passed_up(init) -> tuple[int, set[str]]:
    "How many arguments `init` gives to its base class by place, and which ones by name."
    for node in ast.walk(ast.parse(dedent(inspect.getsource(init)))):
        if isinstance(node, ast.Call) and ast.unparse(node.func) == 'super().__init__':
            return len(node.args), {keyword.arg for keyword in node.keywords}
    return 0, set()


def base_of(cls): return next(filter(defines_init, cls.__mro__[1:]))


def inherited(cls) -> dict:
    "The parameters of its base class, one of this library's, that `cls` leaves to **kwargs."
    base = base_of(cls)
    if base.__module__.split('.')[0] != cls.__module__.split('.')[0]: return {}
    places, names = passed_up(cls.__init__)
    taken = [*parameters(base).items()][places:]
    return {name: p for name, p in taken if name not in names}


def parameters(sym) -> dict:
    "The parameters of a function or class, **kwargs spelled out where a base class tells them."
    own = {name: p for name, p in docments(sym, full=True, args_kwargs=True).items()
           if name not in ('self', 'return')}
    kwargs = next((name for name, p in own.items() if p.kind == Parameter.VAR_KEYWORD), None)
    if not kwargs or not inspect.isclass(sym): return own
    if not defines_init(sym) and base_of(sym).__module__ == 'builtins': return {}
    more = inherited(sym) if defines_init(sym) else {}
    if more: del own[kwargs]
    elif not own[kwargs].docment: own[kwargs].docment = f'As for `{base_of(sym).__name__}`'
    return own | {name: p for name, p in more.items() if name not in own}


def value(o) -> str:
    "A default as its user would type it: functions and classes by name, nothing with an address."
    if isinstance(o, partial): return value(o.func)
    if hasattr(o, '__name__'): return o.__name__
    if type(o) in (tuple, list):
        inside = ', '.join(map(value, o))
        if type(o) is list: return f'[{inside}]'
        return f'({inside},)' if len(o) == 1 else f'({inside})'
    return re.sub(r'<(\S+) object at 0x\w+>', r'\1', repr(o))


def type_name(annotation) -> str:
    "A type as its user would type it."
    if annotation is Parameter.empty: return ''
    return inspect.formatannotation(annotation).removeprefix('typing.').strip('\'"')


def escaped(text: str) -> str:
    "`text` as a cell of a Markdown table, in which `<` outside of code begins no tag."
    text = re.sub('(`[^`]*`)|<', lambda part: part[1] or '&lt;', text)
    return text.replace('|', r'\|').replace('\n', ' ')


def code(text: str) -> str: return f'`{text}`' if text else ''


def row(*cells: str) -> str: return '| ' + ' | '.join(map(escaped, cells)) + ' |'


def table(sym) -> str:
    "What a function or class takes and returns; nothing where no parameter has a comment."
    taken = parameters(sym)
    if not any(p.docment for p in taken.values()): return ''
    rows = [row('', 'Type', 'Default', 'Details'), row(*['---']*4)]
    for name, p in taken.items():
        default = '' if p.default is Parameter.empty else value(p.default)
        rows.append(row(code(STARS.get(p.kind, '') + name), code(type_name(p.anno)), code(default),
                        p.docment or ''))
    back = docments(sym, full=True).get('return')
    if back and not inspect.isclass(sym) and (back.docment or back.anno is not Parameter.empty):
        rows.append(row('**Returns**', code(type_name(back.anno)), '', back.docment or ''))
    return '\n'.join(rows)


class ParameterTable(BasicMarkdownRenderer):
    """nbdev's renderer, with a table of the commented parameters in place of the signature, and a
    class's methods as places to link to."""
    def _repr_markdown_(self):
        text, signature = super()._repr_markdown_(), f'```python\n{self.dm}\n```'
        rows, is_class = table(self.sym), inspect.isclass(self.sym)
        text = text.replace('#LNone', f'#L{inspect.getsourcelines(self.sym)[1]}')
        if rows: text = text.replace(f'{signature}\n\n', '').replace(signature, '')
        elif is_class: text = text.replace(signature, f'```python\nclass {self.title()}\n```')
        if rows: text += f'\n\n::: {{.parameters}}\n\n{rows}\n\n:::\n'
        members = vars(self.sym).items() if is_class else []
        names = [name for name, o in members if inspect.isfunction(o)]
        return text + ''.join(f'<span id="{self.nm}.{name}"></span>'.lower() for name in names)

    def title(self) -> str:
        "A class as its first line has it, or as it is called if it says what it takes."
        if defines_init(self.sym): return str(self.dm).removeprefix('def ')
        bases = ', '.join(o.__name__ for o in self.sym.__bases__ if o is not object)
        return f'{self.nm}({bases})' if bases else self.nm


def exported(cell) -> bool:
    kinds = {'export', 'exports', 'exporti'}
    return cell.cell_type == 'code' and bool(kinds & cell.directives_.keys())


def only_imports(cell) -> bool:
    return all(isinstance(line, (ast.Import, ast.ImportFrom)) for line in cell.parsed_() or [])


def modules(nb) -> list[str]:
    "The modules that a notebook's cells are exported to."
    cells = [cell for cell in nb.cells if cell.cell_type == 'code']
    told = (cell.directives_.get('default_exp') for cell in cells)
    default = list(filter(None, told))
    named = [cell.directives_.get('export') for cell in cells if exported(cell)]
    return list(dict.fromkeys(name or default[0] for name in default + named))


class ShowLibrary(exec_show_docs):
    "Run the calls of show_doc, and nothing else, on the modules that a notebook is exported to."
    def begin(self):
        super().begin()
        package = get_config().lib_name.replace('-', '_')
        self.k.run_cell('from importlib import import_module')
        for module in modules(self.nb):
            self.k.run_cell(f'globals().update({{k: v for k, v in vars(import_module('
                            f'"{package}.{module}")).items() if not k.startswith("__")}})')

    def __call__(self, cell):
        if cell.cell_type == 'code' and 'show_doc(' in cell.source: super().__call__(cell)


class ShowCode(Processor):
    """Keep the code of exported cells, each below the docs of what it defines, where nbdev would
    leave it out and turn the order of the docs round; and begin with how to import it."""
    def begin(self):
        ordered, docs = [], []
        for cell in reversed(self.nb.cells):
            if hasattr(cell, 'has_sd'): docs.append(cell)
            else: ordered, docs = [*ordered, cell, *reversed(docs)], []
        self.nb.cells[:] = reversed(ordered)
        package = get_config().lib_name.replace('-', '_')
        imports = '\n'.join(f'from {package}.{module} import *' for module in modules(self.nb))
        if imports: self.nb.cells.insert(2, mk_cell(imports))

    def cell(self, cell):
        hidden = exported(cell) and only_imports(cell) or 'default_exp' in cell.directives_
        if hidden: del cell['source']
