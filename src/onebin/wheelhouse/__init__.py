"""The wheelhouse, a directory that `onebin vendor` fills: fill it, check it, install from it."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
