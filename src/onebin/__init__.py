"""onebin: a manifest of a host and its plugins in, one verified executable file out.

This is the library's face; docs/library.md shows how to use it. Names are imported when they are first used.
"""

import lazy_loader

__version__ = "0.1.0"

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
