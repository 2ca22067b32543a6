"""Side-cars: plugins in files beside the program."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from onebin_runtime._registry import Registry


def prepare(registry: Registry) -> None:
    """Look for side-cars, and add their plugins to the registry."""
