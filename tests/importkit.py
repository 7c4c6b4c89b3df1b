"""Reads what a module of ``flask_social`` imports from its syntax tree, for ``test_floors.py``."""

from __future__ import annotations

import ast
import collections.abc as cabc
import dataclasses as dc
import fnmatch

PACKAGE = "flask_social"


def fits(name: str, patterns: str) -> bool:
    """Whether a dotted name fits one of the patterns."""
    return any(
        fnmatch.fnmatchcase(name, pattern) and ("**" in pattern or name.count(".") == pattern.count("."))
        for pattern in patterns.split()
    )


@dc.dataclass(frozen=True)
class Import:
    """One name that a module imports. ``module`` is absolute; ``types`` says that only type checkers see it."""

    module: str
    name: str | None
    types: bool = False

    @property
    def own(self) -> str | None:
        """The dotted name within our package, or ``None`` for another library."""
        head, _, rest = self.module.partition(".")
        return (rest or PACKAGE) if head == PACKAGE else None

    def of(self, libraries: str) -> bool:
        """Whether this comes from one of the libraries."""
        return f"{self.module}.{self.name}.".startswith(tuple(f"{library}." for library in libraries.split()))


def imports_of(
    tree: ast.AST, name: str, *, is_package: bool = False, modules: cabc.Container[str | None] = ()
) -> set[Import]:
    """Everything that the module ``name`` imports, wherever the statement stands; ``importlib.import_module``
    with a literal counts too. ``from . import module`` counts as an import of that module when
    ``modules`` holds it."""
    here = [PACKAGE, *(name.split(".") if name != PACKAGE else ())]
    package = here if is_package or name == PACKAGE else here[:-1]
    guarded = {
        id(inner)
        for block in ast.walk(tree)
        if isinstance(block, ast.If) and ast.unparse(block.test).endswith("TYPE_CHECKING")
        for statement in block.body
        for inner in ast.walk(statement)
    }

    def absolute(level: int, module: str) -> str:
        base = package[: len(package) - level + 1] if level else []
        return ".".join([*base, *filter(None, [module])])

    found: set[Import] = set()
    for node in ast.walk(tree):
        types = id(node) in guarded
        if isinstance(node, ast.Import):
            found |= {Import(alias.name, None, types) for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = absolute(node.level, node.module or "")
            for alias in node.names:
                own = Import(f"{base}.{alias.name}", None, types)
                found.add(own if own.own in modules else Import(base, alias.name, types))
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith(("import_module", "__import__")):
            if node.args and isinstance(node.args[0], ast.Constant) and isinstance(node.args[0].value, str):
                target = node.args[0].value
                level = len(target) - len(target.lstrip("."))
                found.add(Import(absolute(level, target.lstrip(".")), None, types))
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "flask":
            found.add(Import("flask", node.attr, types))
    return found
