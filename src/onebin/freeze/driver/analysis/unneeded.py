"""Leave out what PyInstaller makes beside the result of an analysis. Standard library only.

It keeps a deep copy of the module graph for a second analysis, and writes a page of all imports. Here there is one
analysis, and nobody sees the page: together they take an eighth of a freeze.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from onebin.freeze.driver.patches import PyInstaller


def leave_out(analysis: type, graphs: Any, pyinstaller: PyInstaller) -> None:
    """Make PyInstaller make neither; raises PatchError.

    `graphs` is the module that makes module graphs. A second analysis in the same process would fail.
    """
    uses = ("deepcopy", "_cached_module_graph_")
    pyinstaller.function(graphs, "initialize_modgraph", "excludes", "user_hook_dirs", uses=uses)
    pyinstaller.method(analysis, "_write_graph_debug", "self")
    graphs.deepcopy = lambda _: SimpleNamespace()
    analysis._write_graph_debug = lambda _: None  # type: ignore[attr-defined]  # noqa: SLF001  # the method that is replaced
