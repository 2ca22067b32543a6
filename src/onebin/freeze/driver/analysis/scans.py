"""Keep what PyInstaller's module graph finds in a source from build to build, under the digest of that source.

Parsing, compiling and searching sources for imports takes two thirds of an analysis. The result depends only on the
text, the interpreter and PyInstaller, so most sources give the same result in every build; those of the standard
library always do. What the graph makes of the findings (which file a name means, what hooks say about it) is kept
elsewhere: see `analyses.py`.
"""

from __future__ import annotations

import ast
import hashlib
import importlib.util
import marshal
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import CodeType

    from onebin.freeze.driver.patches import PyInstaller

_DIGEST_BYTES = 32
# What PyInstaller's graph records about an import statement besides the names in it.
_EDGE = ("conditional", "function", "tryexcept", "fromlist")


class Scans:
    """The findings kept in one folder, one file for each source, for one interpreter and one PyInstaller.

    A file that cannot be read counts as missing, and one that cannot be written is skipped. `searched` says how
    often each source was asked for.
    """

    def __init__(self, folder: str) -> None:
        self._folder = Path(folder)
        self.searched: Counter[str] = Counter()

    def remember_for(self, modulegraph: Any, pyinstaller: PyInstaller) -> None:
        """Make PyInstaller's module `modulegraph` use the findings kept here, and keep new ones; raises PatchError."""
        self._modulegraph = modulegraph
        graph = pyinstaller.attribute(modulegraph, "ModuleGraph")
        _check(modulegraph, graph, pyinstaller)
        parameters = ("self", "module", "module_code_object", "module_code_object_ast")
        # The one place where all sources are searched.
        scan = pyinstaller.method(graph, "_scan_code", *parameters, uses=("_scan_ast", "_scan_bytecode"))
        note = self._note

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

        graph._scan_code = remembering  # noqa: SLF001  # it has no public name
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
            # Used as it will be read back: by then, equal parts may or may not be one object, and before Python 3.11 a
            # set may have another order.
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
        """Return the findings in a source, which is searched if they are not kept; None if the file is not a source."""
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
        """Return whether the code of a source is kept."""
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

    def remember(self, kind: str, find: Callable[[bytes], Any], source: bytes) -> Any:
        """Return what `find` finds in a source, which is searched once for each kind of finding."""
        name = f"{kind}-{hashlib.sha256(source).hexdigest()}"
        found = self.read(name)
        if found is None:
            found = find(source)
            self.keep(name, found)
        return found

    def keep(self, name: str, value: Any) -> None:
        """Keep a value that marshal can write under a name."""
        body = marshal.dumps(value)
        file = self._folder / name
        draft = file.with_name(f"{file.name}.partial")
        # Two builds at once write the same; what a killed build has left is overwritten.
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            draft.write_bytes(hashlib.sha256(body).digest() + body)
            draft.replace(file)
        except OSError:  # no space, for example: the next build searches the source again
            with suppress(OSError):
                draft.unlink()

    def read(self, name: str) -> Any:
        """Return what is kept under a name, or None."""
        try:
            kept = (self._folder / name).read_bytes()
        except OSError:
            return None
        body = kept[_DIGEST_BYTES:]
        # marshal trusts its input, so a damaged file must not reach it.
        return _loads(body) if hashlib.sha256(body).digest() == kept[:_DIGEST_BYTES] else None


def _check(modulegraph: Any, graph: Any, pyinstaller: PyInstaller) -> None:
    """Check what is replaced besides the search itself: how sources are compiled, and what the graph keeps of them."""
    pyinstaller.function(graph, "add_script", "self", "pathname", "caller", uses=("compile",))
    pyinstaller.function(graph, "_load_module", "self", "fqname", "pathname", "loader", uses=("compile",))
    parameters = ("self", "module_partname", "module_name", "parent_module")
    pyinstaller.function(graph, "_safe_import_module", *parameters, uses=("compile", "_scan_code"))
    fields = getattr(pyinstaller.attribute(modulegraph, "DependencyInfo"), "_fields", ())
    pyinstaller.require(fields == _EDGE, f"DependencyInfo({', '.join(_EDGE)})")
    node = pyinstaller.attribute(modulegraph, "SourceModule")
    for name in ("_deferred_imports", "_global_attr_names"):
        pyinstaller.attribute(node, name)


def _text_of(file: str) -> str:
    """Return the text of a source, decoded as the graph decodes it (PEP 263)."""
    return importlib.util.decode_source(Path(file).read_bytes())


def _digest_of(source: str | bytes) -> str:
    text = source.encode("utf-8", "surrogatepass") if isinstance(source, str) else bytes(source)
    return hashlib.sha256(text).hexdigest()


def _loads(body: bytes) -> Any:
    return marshal.loads(body)  # noqa: S302  # this process made the bytes, or a digest matches them


class _Node:
    """A node of PyInstaller's graph. What a scan finds out about it has no public name there."""

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
        """Change the node as the scan of its source did."""
        self._module._deferred_imports = [  # noqa: SLF001  # it has no public name
            (star, (name, self._module, fromlist, level), {"edge_attr": dependency_info(*edge)})
            for star, name, fromlist, level, edge in known.imports
        ]
        self.names.update(known.names)


class _Known(ast.Module):
    """A stand-in for the syntax tree of a source whose findings are known."""

    def __init__(self, found: Any, source: Any, filename: str) -> None:
        super().__init__(body=[], type_ignores=[])
        marshalled, self.imports, self.names = found
        self.code = _loads(marshalled)
        self._source, self._filename = source, filename

    def parse(self) -> ast.AST:
        """Return the real tree."""
        tree: ast.AST = compile(self._source, self._filename, "exec", ast.PyCF_ONLY_AST, dont_inherit=True)
        return tree
