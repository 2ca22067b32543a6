"""What PyInstaller's module graph finds in a source, kept from build to build under the digest of that source.

Two thirds of an analysis go into parsing, compiling and searching sources for imports, which depends on nothing but
their text, the interpreter and PyInstaller: most are the same in every build, the standard library's always. What the
graph makes of the findings (which file a name means, what hooks say of it) is kept elsewhere: see `analyses.py`.
"""

from __future__ import annotations

import ast
import hashlib
import importlib.util
import marshal
from collections import Counter
from contextlib import suppress
from pathlib import Path  # pydantic reads the shapes below when the program runs
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from types import CodeType

_DIGEST_BYTES = 32


class Scans:
    """The findings kept in one folder, a file for each source; who asks must use one interpreter and PyInstaller.

    A file that cannot be read is as none, and one that cannot be written is not needed. `searched` has how often each
    source was asked for.
    """

    def __init__(self, folder: str) -> None:
        self._folder = Path(folder)
        self.searched: Counter[str] = Counter()

    def remember_for(self, modulegraph: Any) -> None:
        """Make PyInstaller's module `modulegraph` take findings from here where there are any, and add the others."""
        self._modulegraph = modulegraph
        graph = modulegraph.ModuleGraph
        scan, note = graph._scan_code, self._note  # noqa: SLF001  # the one place where all sources are searched

        def remembering(self: Any, module: Any, code: CodeType, tree: ast.AST | None = None) -> Any:
            node = _Node(module)
            had_names = bool(node.names)
            if isinstance(tree, _Known):
                if not had_names:
                    node.replay(tree, modulegraph.DependencyInfo)
                    return module
                tree = tree.parse()
            scanned = scan(self, module, code, tree)
            if hasattr(tree, "marshalled") and not had_names:
                note(tree, node)
            return scanned

        graph._scan_code = remembering  # noqa: SLF001  # the one place where all sources are searched
        modulegraph.compile = self._compile

    def _compile(
        self,
        source: Any,
        filename: str,
        mode: str,
        flags: int = 0,
        dont_inherit: bool = False,  # noqa: FBT001, FBT002  # the signature of the built-in function
    ) -> Any:
        if isinstance(source, _Known):
            return source.code
        if hasattr(source, "source_digest"):
            # As it will be when it is read back: which equal parts are one object may have changed by then, and before
            # Python 3.11 the order of a set, too.
            source.marshalled = marshal.dumps(compile(source, filename, mode, flags, dont_inherit))
            return _loads(source.marshalled)
        if flags != ast.PyCF_ONLY_AST or isinstance(source, ast.AST):
            return compile(source, filename, mode, flags, dont_inherit)
        self.searched[filename] += 1
        digest = _digest_of(source)
        found = self.read(digest)
        if found is not None:
            return _Known(found, source, filename)
        tree = compile(source, filename, mode, flags, dont_inherit)
        tree.source_digest = digest
        return tree

    def _note(self, tree: Any, node: _Node) -> None:
        """Keep the compiled code of a source and what the graph found in it."""
        self.keep(tree.source_digest, (tree.marshalled, node.imports, sorted(node.names)))

    def findings_in(self, file: str) -> Any:
        """Return what is found in a source, searching it if need be; None if it is none."""
        try:
            text = _text_of(file)
            known = self.read(_digest_of(text))
            if known is None:
                self._search(text, file)
                known = self.read(_digest_of(text))
        except (OSError, SyntaxError, ValueError):
            return None
        return known and known[1:]

    def _search(self, text: str, file: str) -> None:
        tree = self._compile(text, file, "exec", ast.PyCF_ONLY_AST, dont_inherit=True)
        code = self._compile(tree, file, "exec", 0, dont_inherit=True)
        node = self._modulegraph.SourceModule("searched")
        self._modulegraph.ModuleGraph(path=[])._scan_code(node, code, tree)  # noqa: SLF001  # as the graph searches it

    def knows(self, file: str) -> bool:
        """Tell whether the code of a source is kept."""
        return self._known(file) is not None

    def code_of(self, file: str) -> CodeType | None:
        """Return the kept code of a source, or None."""
        known = self._known(file)
        return _loads(known[0]) if known else None

    def _known(self, file: str) -> Any:
        try:
            return self.read(_digest_of(_text_of(file)))
        except (OSError, SyntaxError, ValueError):
            return None

    def keep(self, name: str, value: Any) -> None:
        """Keep what marshal knows under a name."""
        body = marshal.dumps(value)
        file = self._folder / name
        draft = file.with_name(f"{file.name}.partial")
        # Two builds at once write the same; what a killed one leaves is written over.
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            draft.write_bytes(hashlib.sha256(body).digest() + body)
            draft.replace(file)
        except OSError:  # no space, say: it will be found again
            with suppress(OSError):
                draft.unlink()

    def read(self, name: str) -> Any:
        """Return what is kept under a name, or None."""
        try:
            kept = (self._folder / name).read_bytes()
        except OSError:
            return None
        body = kept[_DIGEST_BYTES:]
        # What is damaged must not be given to marshal, which trusts its input.
        return _loads(body) if hashlib.sha256(body).digest() == kept[:_DIGEST_BYTES] else None


def _text_of(file: str) -> str:
    """Return the text of a source as the graph has it (PEP 263)."""
    return importlib.util.decode_source(Path(file).read_bytes())


def _digest_of(source: str | bytes) -> str:
    text = source.encode("utf-8", "surrogatepass") if isinstance(source, str) else bytes(source)
    return hashlib.sha256(text).hexdigest()


def _loads(body: bytes) -> Any:
    return marshal.loads(body)  # noqa: S302  # bytes of this process, or with a digest


class _Node:
    """A node of PyInstaller's graph: what a scan finds out about it has no public name there."""

    def __init__(self, module: Any) -> None:
        self._module = module

    @property
    def names(self) -> set[str]:
        """The global names that the module binds."""
        found: set[str] = self._module._global_attr_names  # noqa: SLF001  # it has no public name
        return found

    @property
    def imports(self) -> list[tuple[Any, ...]]:
        """The import statements of a node that was just scanned, without references to the graph."""
        return [
            (star, name, fromlist, level, tuple(more["edge_attr"]))
            for star, (name, _, fromlist, level), more in self._module._deferred_imports  # noqa: SLF001  # it has no public name
        ]

    def replay(self, known: _Known, dependency_info: Any) -> None:
        """Do to the node what scanning its source did."""
        self._module._deferred_imports = [  # noqa: SLF001  # it has no public name
            (star, (name, self._module, fromlist, level), {"edge_attr": dependency_info(*edge)})
            for star, name, fromlist, level, edge in known.imports
        ]
        self.names.update(known.names)


class _Known(ast.Module):
    """Stands for the syntax tree of a source whose findings are known."""

    def __init__(self, found: Any, source: Any, filename: str) -> None:
        super().__init__(body=[], type_ignores=[])
        marshalled, self.imports, self.names = found
        self.code = _loads(marshalled)
        self._source, self._filename = source, filename

    def parse(self) -> ast.AST:
        """Return the tree itself."""
        tree: ast.AST = compile(self._source, self._filename, "exec", ast.PyCF_ONLY_AST, dont_inherit=True)
        return tree
