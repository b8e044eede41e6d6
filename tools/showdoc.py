"How the docs site shows a function or class. pyproject.toml names this renderer; nbdev and show_doc use it."
import inspect

from fastcore.docments import DocmentTbl
from nbdev.showdoc import BasicMarkdownRenderer


class ParameterTable(BasicMarkdownRenderer):
    "nbdev's renderer, with the parameters' comments in a table instead of inside the signature, and a class's methods as places to link to."
    def _repr_markdown_(self):
        table = str(DocmentTbl(self.sym))
        for param in self.dm.dm.values(): param['docment'] = None
        methods = [name for name, value in vars(self.sym).items() if inspect.isfunction(value)] if inspect.isclass(self.sym) else []
        anchors = ''.join(f'<span id="{self.nm}.{name}"></span>'.lower() for name in methods)
        parts = super()._repr_markdown_(), anchors, table and f'::: {{.parameters}}\n\n{table}\n\n:::\n'
        return '\n\n'.join(filter(None, parts))
