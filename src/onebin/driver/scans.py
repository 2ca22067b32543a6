"""What PyInstaller's module graph finds in a source, kept from build to build under the digest of that source.

Two thirds of an analysis go into parsing, compiling and searching sources for imports, which depends on nothing but
their text, the interpreter and PyInstaller: most are the same in every build, the standard library's always. What the
graph makes of the findings (which file a name means, what hooks say of it) is worked out anew each time.
"""

from __future__ import annotations

import ast
import hashlib
import marshal
import os
from contextlib import suppress
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from types import CodeType

_DIGEST_BYTES = 32


class Scans:
    """The findings kept in one folder, a file for each source; who asks must use one interpreter and PyInstaller.

    A file that cannot be read is as none, and one that cannot be written is not needed.
    """

    def __init__(self, folder: str) -> None:
        self._folder = folder

    def remember_for(self, modulegraph: Any) -> None:
        """Make PyInstaller's module `modulegraph` take findings from here where there are any, and add the others."""
        graph = modulegraph.ModuleGraph
        scan = graph._scan_code  # noqa: SLF001  # the one place where all sources are searched

        def remembering(self: Any, module: Any, code: CodeType, tree: ast.AST | None = None) -> Any:
            if isinstance(tree, _Known) and not module._global_attr_names:  # noqa: SLF001  # as above
                return _replay(tree, module, modulegraph.DependencyInfo)
            if isinstance(tree, _Known):
                tree = tree.parse()
            had_names = bool(module._global_attr_names)  # noqa: SLF001  # as above
            scanned = scan(self, module, code, tree)
            if hasattr(tree, "marshalled") and not had_names:
                keep(tree, module)
            return scanned

        keep = self._keep
        graph._scan_code = remembering  # noqa: SLF001  # as above
        modulegraph.compile = self._compile

    def _compile(self, source: Any, filename: str, mode: str, flags: int = 0, dont_inherit: bool = False) -> Any:  # noqa: FBT001, FBT002  # as the built-in function
        if isinstance(source, _Known):
            return source.code
        if hasattr(source, "source_digest"):
            # As it will be when it is read back: how an object is marshalled depends on who else refers to its parts,
            # and the order of a set (before Python 3.11) on how it was made.
            source.marshalled = marshal.dumps(compile(source, filename, mode, flags, dont_inherit))
            return marshal.loads(source.marshalled)  # noqa: S302  # of the line above
        if flags != ast.PyCF_ONLY_AST or isinstance(source, ast.AST):
            return compile(source, filename, mode, flags, dont_inherit)
        text = source.encode("utf-8", "surrogatepass") if isinstance(source, str) else bytes(source)
        digest = hashlib.sha256(text).hexdigest()
        found = self._read(digest)
        if found is not None:
            return _Known(found, source, filename)
        tree = compile(source, filename, mode, flags, dont_inherit)
        tree.source_digest = digest
        return tree

    def _keep(self, tree: Any, module: Any) -> None:
        """Keep the compiled code of a source and what the graph found in it."""
        imports = [
            (star, name, fromlist, level, tuple(more["edge_attr"]))
            for star, (name, _, fromlist, level), more in module._deferred_imports  # noqa: SLF001  # as above
        ]
        body = marshal.dumps((tree.marshalled, imports, sorted(module._global_attr_names)))  # noqa: SLF001  # as above
        file = os.path.join(self._folder, tree.source_digest)  # noqa: PTH118  # as quick as it goes
        # Two builds at once write the same; what a killed one leaves is written over.
        with suppress(OSError):
            os.makedirs(self._folder, exist_ok=True)  # noqa: PTH103  # as above
            with open(f"{file}.partial", "wb") as stream:  # noqa: PTH123  # as above
                stream.write(hashlib.sha256(body).digest() + body)
            os.replace(f"{file}.partial", file)  # noqa: PTH105  # as above

    def _read(self, digest: str) -> Any:
        try:
            with open(os.path.join(self._folder, digest), "rb") as stream:  # noqa: PTH118, PTH123  # as above
                kept = stream.read()
        except OSError:
            return None
        body = kept[_DIGEST_BYTES:]
        # What is damaged must not be given to marshal, which trusts its input.
        return marshal.loads(body) if hashlib.sha256(body).digest() == kept[:_DIGEST_BYTES] else None  # noqa: S302  # ours


class _Known(ast.Module):
    """Stands for the syntax tree of a source whose findings are known."""

    def __init__(self, found: Any, source: Any, filename: str) -> None:
        super().__init__(body=[], type_ignores=[])
        marshalled, self.imports, self.names = found
        self.code = marshal.loads(marshalled)  # noqa: S302  # as above
        self._source, self._filename = source, filename

    def parse(self) -> ast.AST:
        """Return the tree itself."""
        tree: ast.AST = compile(self._source, self._filename, "exec", ast.PyCF_ONLY_AST, dont_inherit=True)
        return tree


def _replay(known: _Known, module: Any, dependency_info: Any) -> Any:
    """Do to a node of the graph what scanning its source did."""
    module._deferred_imports = [  # noqa: SLF001  # as above
        (star, (name, module, fromlist, level), {"edge_attr": dependency_info(*edge)})
        for star, name, fromlist, level, edge in known.imports
    ]
    module._global_attr_names.update(known.names)  # noqa: SLF001  # as above
    return module
