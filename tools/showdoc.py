"""How the docs pages show what a notebook exports: name, docstring and parameters, then the code.

pyproject.toml names these classes to nbdev, in place of its own: `renderer`, and `doc_procs` for
what `skip_procs` leaves out. The pages show the library as it was exported; no notebook is run.
"""
import argparse, ast, html, inspect, json, re
from configparser import ConfigParser
from fractions import Fraction
from functools import partial
from inspect import Parameter
from itertools import takewhile
from math import isfinite
from pathlib import Path
from textwrap import dedent, fill

from fastcore.docments import docments
from fastcore.nbio import mk_cell
from fastcore.script import anno_parser
from nbdev.config import get_config
from nbdev.process import Processor
from nbdev.processors import add_links, exec_show_docs
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


def is_ours(cls, base) -> bool: return base.__module__.split('.')[0] == cls.__module__.split('.')[0]


def inherited(cls) -> dict:
    "The parameters of its base class, one of this library's, that `cls` leaves to **kwargs."
    base = base_of(cls)
    if not is_ours(cls, base): return {}
    places, names = passed_up(cls.__init__)
    taken = [*parameters(base).items()][places:]
    return {name: p for name, p in taken if name not in names}


def parameters(sym) -> dict:
    "The parameters of a function or class, **kwargs spelled out where a base class tells them."
    if inspect.isclass(sym) and not defines_init(sym) and not is_ours(sym, base_of(sym)): return {}
    own = {name: p for name, p in docments(sym, full=True, args_kwargs=True).items()
           if name not in ('self', 'return')}
    kwargs = next((name for name, p in own.items() if p.kind == Parameter.VAR_KEYWORD), None)
    if not kwargs or not inspect.isclass(sym): return own
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
    fraction = Fraction(o).limit_denominator(999) if type(o) is float and isfinite(o) else None
    if fraction and len(repr(o)) > 8 and float(fraction) == o: return str(fraction)    # as 1/3
    return re.sub(r'<(\S+) object at 0x\w+>', r'\1', repr(o))


def type_name(annotation) -> str:
    "A type as its user would type it."
    if annotation in (Parameter.empty, type(None)): return ''    # None is what it was inferred from
    return inspect.formatannotation(annotation).removeprefix('typing.').strip('\'"')


def escaped(text: str) -> str:
    "`text` as a cell of a Markdown table, in which `<` outside of code begins no tag."
    text = re.sub('(`[^`]*`|</?code>)|<', lambda part: part[1] or '&lt;', text)
    return text.replace('|', r'\|').replace('\n', ' ')


def code(text: str) -> str: return f'`{text}`' if text else ''


def name_of(text: str) -> str:
    "`text` as code that is no link, even where something of the library has the same name."
    return f'<code>{html.escape(text)}</code>' if text else ''


def is_command(sym) -> bool:
    "Is `sym` a command of the shell?"
    settings = ConfigParser(delimiters=['='])
    settings.read(get_config().config_path/'settings.ini', encoding='utf-8')
    calls = settings['DEFAULT']['console_scripts'].split()
    return f'{sym.__module__}:{getattr(sym, "__name__", "")}' in calls


def options(command) -> list[argparse.Action]:
    "What a command of the shell takes, as its --help has it."
    return [o for o in anno_parser(command)._actions if o.dest not in ('help', 'pdb', 'xtra')]


def typed(option: argparse.Action) -> str:
    "An option as one types it."
    if not option.option_strings: return option.dest.upper()
    value = '' if option.nargs == 0 else f' {getattr(option.type, "__name__", "value").upper()}'
    return option.option_strings[-1] + value.replace('STR', 'TEXT')


def help_of(option: argparse.Action) -> str:
    "What --help says about an option; the options that it names are code, with their two hyphens."
    text = option.help.removesuffix(' (default: False)').replace(' ...', ' …')
    return re.sub(r'(?<![\w`-])--[a-z][\w-]*(?: FOLDER)?', r'`\g<0>`', text)


def usage(name: str, command) -> str:
    "How to call a command, and what each of its options does."
    needed = [typed(o) for o in options(command) if not o.option_strings]
    rows = [row('Option', ''), row(*['---']*2)]
    rows += [row(code(typed(o)), help_of(o)) for o in options(command)]
    line = ' '.join([name, *needed, '[options]'])
    return f'```bash\n{line}\n```\n\n' + '\n'.join(rows)


def row(*cells: str) -> str: return '| ' + ' | '.join(map(escaped, cells)) + ' |'


def table(sym) -> str:
    "What a function or class takes and returns; nothing where no parameter has a comment."
    taken = parameters(sym)
    if not any(p.docment for p in taken.values()): return ''
    rows = [row('', 'Type', 'Default', 'Details'), row(*['---']*4)]
    for name, p in taken.items():
        default = '' if p.default is Parameter.empty else value(p.default)
        rows.append(row(name_of(STARS.get(p.kind, '') + name), code(type_name(p.anno)),
                        name_of(default), p.docment or ''))
    back = docments(sym, full=True).get('return')
    if back and not inspect.isclass(sym) and (back.docment or back.anno is not Parameter.empty):
        rows.append(row('**Returns**', code(type_name(back.anno)), '', back.docment or ''))
    return '\n'.join(rows)


class ParameterTable(BasicMarkdownRenderer):
    """nbdev's renderer, with a table of the commented parameters in place of the signature, and a
    class's methods as places to link to."""
    def _repr_markdown_(self):
        self.docs = re.sub(r'(?<!\n)\n *(?!\n| )', ' ', self.docs or '')    # a paragraph, a line
        text, signature = super()._repr_markdown_(), f'```python\n{self.dm}\n```'
        is_class, command = inspect.isclass(self.sym), is_command(self.sym)
        rows = usage(self.nm, self.sym) if command else table(self.sym)
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


def lines_of(cell) -> list[ast.stmt]:
    "The statements of `cell`, those of `try: import …` among them."
    lines = [line.body if isinstance(line, ast.Try) else [line] for line in cell.parsed_() or []]
    return [line for part in lines for line in part]


def only_imports(cell) -> bool:
    return all(isinstance(line, (ast.Import, ast.ImportFrom)) for line in lines_of(cell))


def sets_up(cell) -> bool:
    "Does `cell` import things and do nothing more than call a function besides?"
    if not is_shown(cell) or hasattr(cell, 'has_sd') or not imports(cell): return False
    return all(isinstance(line, (ast.Import, ast.ImportFrom, ast.Expr)) for line in cell.parsed_())


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


def imports(cell) -> list[ast.stmt]:
    "What `cell` imports, outside of functions."
    kinds = ast.Import, ast.ImportFrom
    return [line for line in lines_of(cell) if isinstance(line, kinds)]


def names_in(cells) -> set[str]:
    "The names that Python cells use."
    trees = [tree for cell in cells for tree in cell.parsed_() or []]
    return {node.id for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Name)}


def defines(cell) -> set[str]:
    "The functions, classes and variables that `cell` has, what it imports and its loops aside."
    kinds = ast.FunctionDef, ast.ClassDef, ast.Assign
    lines = [line for line in cell.parsed_() or [] if isinstance(line, kinds)]
    given = [line.targets if isinstance(line, ast.Assign) else [] for line in lines]
    return {name for targets in given for o in targets for name in
            ([ast.unparse(o)] if isinstance(o, ast.Subscript) else bound(o))} | \
           {line.name for line in lines if not isinstance(line, ast.Assign)}


def is_shown(cell) -> bool:
    "Does the page show the code of `cell`?"
    if cell.cell_type != 'code' or 'hide' in cell.directives: return False
    return not re.search(r'^#\|\s*(echo|include):\s*false', cell.source, re.M)


def names_of(line, name: ast.alias) -> set[str]:
    "What `name` in an import line brings."
    if name.name != '*': return {(name.asname or name.name).split('.')[0]}
    space = {}
    exec(ast.unparse(line), space)
    return space.keys() - {'__builtins__'}


def brings(line) -> set[str]: return set().union(*(names_of(line, o) for o in line.names))


def bound(tree: ast.AST) -> set[str]:
    "The names that a cell gives a meaning to, those in its functions and loops included."
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load): names.add(node.id)
        elif isinstance(node, (ast.FunctionDef, ast.ClassDef)): names.add(node.name)
        elif isinstance(node, ast.arg): names.add(node.arg)
        elif isinstance(node, ast.ExceptHandler): names.add(node.name)
        elif isinstance(node, (ast.Import, ast.ImportFrom)): names |= brings(node)
    return names


def needed(line, used: set[str]) -> str:
    "The import `line` with those names alone that are `used`; nothing where none is."
    if getattr(line, 'module', '') == '__future__': return ''
    names = [o for o in line.names if names_of(line, o) & used]
    if not names: return ''
    start = f'from {line.module} import ' if isinstance(line, ast.ImportFrom) else 'import '
    text = ', '.join(map(ast.unparse, names))
    if len(start + text) <= 96: return start + text
    return f'{start}(\n{fill(text, 96, initial_indent="    ", subsequent_indent="    ")})'


def is_reference(nb) -> bool:
    "Is `nb` a page to look things up on? From 60 on, by its number."
    number = re.match(r'\d+', Path(nb.path_).name)
    return bool(number) and int(number[0]) >= 60


def fold(cell, summary: str):
    "Show the first line of `cell` only, unless it says otherwise; a click shows the rest."
    if 'code-fold' not in cell.source:
        cell.source = f'#| code-fold: true\n#| code-summary: "{summary}"\n{cell.source}'


def leave_out_signature(cell):
    "Show no signature right above the code that begins with it."
    for output in cell.outputs:
        text = ''.join(output.get('data', {}).get('text/markdown', ''))
        if '.parameters' in text: continue
        text = re.sub(r'```python\n.*?\n```\n*', '', text, flags=re.S)
        output['data']['text/markdown'] = text


def unhide(cell):
    "Show `cell` after all, folded: what the page shows needs it."
    cell.source = re.sub(r'^#\|\s*hide.*\n', '', cell.source, flags=re.M)
    fold(cell, 'Preparation')


def calls(line) -> str:
    "The function that a statement calls, alone or in a loop; `expect_fail`, whatever is within it."
    if isinstance(line, ast.With) and ast.unparse(line.items[0]).startswith('expect_fail('):
        return 'expect_fail'
    if isinstance(line, (ast.For, ast.With)) and len(line.body) == 1: return calls(line.body[0])
    named = isinstance(line, ast.Expr) and isinstance(line.value, ast.Call)
    return ast.unparse(line.value.func) if named else ''


def tests_of_errors(cell) -> bool:
    "Does `cell` do nothing but look at what is refused, in more than a few lines?"
    tests = all(calls(line) in ('test_fail', 'expect_fail') for line in cell.parsed_() or [])
    return cell.source.count('\n') > 3 and tests


def is_long_test(cell) -> bool:
    "Does `cell` test something, in many lines, and print or draw nothing?"
    if cell.source.count('\n') < 12 or cell.get('outputs'): return False
    nodes = [node for tree in cell.parsed_() or [] for node in ast.walk(tree)]
    called = [ast.unparse(node.func) for node in nodes if isinstance(node, ast.Call)]
    tests = any(name.startswith(('test_', 'expect_fail')) for name in called)
    return tests or any(isinstance(node, ast.Assert) for node in nodes)


class ShowCode(Processor):
    """Keep the code of exported cells, each below the docs of what it defines, where nbdev would
    leave it out and turn the order of the docs round; and begin with everything that is imported.
    Fold what a reader may pass over: tests of error messages and, on the pages of reference, long
    tests and the code below a table that says how to use it."""
    def begin(self):
        ordered, docs = [], []
        for cell in reversed(self.nb.cells):
            if hasattr(cell, 'has_sd'): docs.append(cell)
            else: ordered, docs = [*ordered, cell, *reversed(docs)], []
        self.nb.cells[:] = reversed(ordered)
        cells = [*filter(is_shown, self.nb.cells)]
        known = set().union(*(bound(tree) for cell in cells for tree in cell.parsed_() or []))
        self.imports, self.missing = [], names_in(cells) - known

    def cell(self, cell):
        if hasattr(cell, 'has_sd') and not is_reference(self.nb): leave_out_signature(cell)
        if cell.cell_type != 'code' or hasattr(cell, 'has_sd'): return
        hidden = {'hide', 'default_exp'} & cell.directives_.keys()
        if not hidden and not exported(cell):
            if tests_of_errors(cell): fold(cell, 'Tests of error messages')
            elif is_reference(self.nb) and is_long_test(cell): fold(cell, 'Test')
        elif hidden or only_imports(cell):
            self.imports += imports(cell)
            if defines(cell) & self.missing: unhide(cell)
            else: del cell['source']
        elif is_reference(self.nb):
            fold(cell, f'Code: {", ".join(sorted(defines(cell))) or "methods of its class"}')

    def end(self):
        """Begin with the line that imports what the page defines; write what else is imported
        unseen into the first cell of imports, or one of its own. Many lines are folded."""
        cells = [o for o in self.nb.cells if o.get('source')]
        start = takewhile(lambda o: o.cell_type == 'code' or '\n## ' not in f'\n{o.source}', cells)
        first = next(filter(sets_up, start), None)
        used = names_in(filter(is_shown, cells))
        package = get_config().lib_name.replace('-', '_')
        own = '\n'.join(f'from {package}.{module} import *' for module in modules(self.nb))
        known = ast.parse(own).body + (imports(first) if first else [])
        used -= {o for line in known for o in brings(line)}
        lines = dict.fromkeys(filter(None, [needed(line, used) for line in self.imports]))
        text = '\n'.join(lines)
        if first: first.source += f'\n{text}' if text else ''
        elif text: self.nb.cells.insert(2, first := mk_cell(text))
        many = 0 if is_reference(self.nb) else 6
        if first and first.source.count('\n') > many:
            fold(first, 'Everything that this page imports')
        if own: self.nb.cells.insert(2, mk_cell(own))


LETTERS = dict(alpha='α', beta='β', epsilon='ε', varepsilon='ε', theta='θ', delta='δ', infty='∞',
               ell='l', ell_infty='l∞', ell_2='l2', times='×', le='≤', to='→', lambda_='λ', mu='μ')


def plain(text: str) -> str:
    "`text` with the formulas in it as letters."
    def letters(formula):
        inside = formula[1] or formula[2] or ''
        inside = re.sub(r'[{}$]', '', inside.replace('^*', '*').replace(r'\,', ' '))
        return re.sub(r'_(\w|∞)', r'\1', inside).strip()
    text = re.sub(r'\\([a-z]+)', lambda o: LETTERS.get(o[1], o[0]), text)
    return re.sub(r'\$([^$\n]+)\$|\\\(([^\n]+?)\\\)', letters, text)


class Describe(Processor):
    """Say in words what a figure shows to those who can't see it, where its cell doesn't (in a
    line `#| fig-alt: …`): the section it is in, and what is written on it or, where a function
    draws it, the sentence before it."""
    WORDS = {'title', 'xlabel', 'ylabel', 'label', 'suptitle'}
    WORDS |= {'set_title', 'set_xlabel', 'set_ylabel'}

    def begin(self): self.heading, self.told = '', ''

    def written(self, cell) -> list[str]:
        "The titles and labels that `cell` gives."
        found = []
        for node in (o for tree in cell.parsed_() or [] for o in ast.walk(tree)):
            if not isinstance(node, ast.Call): continue
            given = [o.value for o in node.keywords if o.arg in self.WORDS]
            if getattr(node.func, 'attr', '') in self.WORDS: given += node.args[:1]
            found += [o.value for o in given if isinstance(o, ast.Constant)]
        return [plain(text).replace('\n', ' ') for text in dict.fromkeys(found) if text]

    def cell(self, cell):
        if cell.cell_type == 'markdown':
            titles = re.findall(r'^#+ (.*)$', cell.source, re.M)
            if titles: self.heading = re.sub('[`*]', '', plain(titles[-1]))
            told = re.split(r'(?<=[.:?!])\s', plain(cell.source).strip())[-1]
            self.told = '' if titles and told in cell.source.split('\n')[0] else told
            return
        images = [o for o in cell.get('outputs', []) if 'image/png' in o.get('data', {})]
        if not images or 'fig-alt' in cell.source: return
        about = self.heading or self.nb.frontmatter_.get('title', '')
        parts = self.written(cell) or [re.sub(r'\[([^]]*)\]\([^)]*\)|[`*#]', r'\1', self.told)]
        text = '; '.join(filter(None, [f'Figure to “{about}”', *parts]))
        cell.source = f'#| fig-alt: {json.dumps(text, ensure_ascii=False)}\n{cell.source}'


class AddLinks(Processor):
    "nbdev's links from a name to its docs, but within the text of a link."
    def cell(self, cell):
        links, source = [], cell.source
        if cell.cell_type == 'markdown':
            cell.source = re.sub(r'\[[^\]\n]*`[^\]\n]*\]\([^)\n]*\)',
                                 lambda o: links.append(o[0]) or f'\0{len(links)-1}\0', source)
        add_links(cell)
        cell.source = re.sub('\0(\\d+)\0', lambda o: links[int(o[1])], cell.source)
