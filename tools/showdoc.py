"How the docs pages show what a notebook exports: name, docstring and parameters, then the code. pyproject.toml names both classes to nbdev."
import ast, inspect

from fastcore.docments import DocmentTbl
from nbdev.process import Processor
from nbdev.showdoc import BasicMarkdownRenderer


class ParameterTable(BasicMarkdownRenderer):
    "nbdev's renderer, with a table of the commented parameters in place of the signature, and a class's methods as places to link to."
    def _repr_markdown_(self):
        text, table = super()._repr_markdown_(), str(DocmentTbl(self.sym))
        if table: text = text.replace(f'```python\n{self.dm}\n```\n\n', '') + f'\n\n::: {{.parameters}}\n\n{table}\n\n:::\n'
        methods = [name for name, value in vars(self.sym).items() if inspect.isfunction(value)] if inspect.isclass(self.sym) else []
        return text + ''.join(f'<span id="{self.nm}.{name}"></span>'.lower() for name in methods)


class ShownCode(Processor):
    "Keep the code of exported cells, each below the docs of what it defines. nbdev would leave it out, and turn the order of the docs round."
    def begin(self):
        ordered, docs = [], []
        for cell in reversed(self.nb.cells):
            if hasattr(cell, 'has_sd'): docs.append(cell)
            else: ordered, docs = [*ordered, cell, *reversed(docs)], []
        self.nb.cells[:] = reversed(ordered)

    def cell(self, cell):
        if cell.cell_type != 'code' or hasattr(cell, 'has_sd'): return
        imports = all(isinstance(line, (ast.Import, ast.ImportFrom)) for line in cell.parsed_())
        if {'hide', 'default_exp'} & cell.directives_.keys() or ('export' in cell.directives_ and imports): del cell['source']
