"""How the docs pages show what a notebook exports: name, docstring and parameters, then the code.

pyproject.toml names these classes to nbdev, in place of its own: `renderer`, and `doc_procs` for what `skip_procs` leaves out.
"""
import ast, inspect, re

from fastcore.docments import DocmentTbl
from nbdev.process import Processor
from nbdev.processors import exec_show_docs
from nbdev.showdoc import BasicMarkdownRenderer


class ParameterTable(BasicMarkdownRenderer):
    "nbdev's renderer, with a table of the commented parameters in place of the signature, and a class's methods as places to link to."
    def _repr_markdown_(self):
        text = super()._repr_markdown_()
        table = re.sub('(`[^`]*`)|<', lambda part: part[1] or '&lt;', str(DocmentTbl(self.sym)))
        if table: text = text.replace(f'```python\n{self.dm}\n```\n\n', '') + f'\n\n::: {{.parameters}}\n\n{table}\n\n:::\n'
        methods = [name for name, value in vars(self.sym).items() if inspect.isfunction(value)] if inspect.isclass(self.sym) else []
        return text + ''.join(f'<span id="{self.nm}.{name}"></span>'.lower() for name in methods)


def exported(cell): return cell.cell_type == 'code' and {'export', 'exports', 'exporti', 'exec_doc'} & cell.directives_.keys()
def lines(cell): return cell.parsed_() or []
def imports(cell): return [line for line in lines(cell) if isinstance(line, (ast.Import, ast.ImportFrom))]


class RunExports(exec_show_docs):
    "Run exported cells and the calls of show_doc, and of other cells the import lines alone, where nbdev would run the whole cell."
    def __call__(self, cell):
        if exported(cell) or 'show_doc(' in cell.source: super().__call__(cell)
        elif cell.cell_type == 'code': self.k.run_cell('\n'.join(map(ast.unparse, imports(cell))))


class ShowCode(Processor):
    "Keep the code of exported cells, each below the docs of what it defines, where nbdev would leave it out and turn the order of the docs round."
    def begin(self):
        ordered, docs = [], []
        for cell in reversed(self.nb.cells):
            if hasattr(cell, 'has_sd'): docs.append(cell)
            else: ordered, docs = [*ordered, cell, *reversed(docs)], []
        self.nb.cells[:] = reversed(ordered)

    def cell(self, cell):
        if exported(cell) and len(imports(cell)) == len(lines(cell)) or 'default_exp' in cell.directives_: del cell['source']
