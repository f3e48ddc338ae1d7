"""The source as the architecture tests read it: every module once, as text and as a tree."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "foedus"


@dataclass(frozen=True)
class Module:
    """One module of the source.

    Attributes:
        name: Dotted; a package has the name of its folder.
        place: Path below ``src/foedus``, with slashes.
        exported: ``__all__``, or None without one.
    """

    name: str
    place: str
    text: str = field(repr=False)
    tree: ast.Module = field(repr=False)
    exported: frozenset[str] | None = field(repr=False)

    @property
    def folder(self) -> str:
        """The top-level folder or module it belongs to."""
        return self.name.partition(".")[2].partition(".")[0]

    @property
    def is_package(self) -> bool:
        return self.place.endswith("__init__.py")

    @cached_property
    def _nodes(self) -> tuple[ast.AST, ...]:
        return tuple(ast.walk(self.tree))

    @cached_property
    def _calls(self) -> tuple[str, ...]:
        return tuple(ast.unparse(each.func) for each in self._nodes if isinstance(each, ast.Call))

    def walk(self) -> Iterator[ast.AST]:
        return iter(self._nodes)

    def imports(self) -> Iterator[tuple[str, str]]:
        """Yield (module, name) of every import, late ones included; name "" for whole modules."""
        for node in self.walk():
            if isinstance(node, ast.Import):
                yield from ((each.name, "") for each in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module is not None:
                yield from ((node.module, each.name) for each in node.names)

    def calls(self) -> tuple[str, ...]:
        """Return the dotted text of every call, such as ``tx.feeds.append``."""
        return self._calls

    def docstrings(self) -> frozenset[int]:
        """Return the ids of the constants that are docstrings or text that stands alone."""
        return frozenset(
            id(node.value)
            for node in self.walk()
            if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        )


def _exported(tree: ast.Module) -> frozenset[str] | None:
    for node in tree.body:
        match node:
            case ast.Assign(targets=[ast.Name(id="__all__")]):
                return frozenset(ast.literal_eval(node.value))
            case ast.AnnAssign(target=ast.Name(id="__all__"), value=ast.expr() as value):
                return frozenset(ast.literal_eval(value))
            case _:
                pass
    return None


def _read(path: Path) -> Module:
    place = path.relative_to(SOURCE)
    parts = [part for part in place.with_suffix("").parts if part != "__init__"]
    text = path.read_text(encoding="utf-8")
    tree = ast.parse(text)
    return Module(
        name=".".join(["foedus", *parts]),
        place=place.as_posix(),
        text=text,
        tree=tree,
        exported=_exported(tree),
    )


@pytest.fixture(scope="session", name="modules")
def _modules() -> Sequence[Module]:
    return [_read(path) for path in sorted(SOURCE.rglob("*.py"))]
