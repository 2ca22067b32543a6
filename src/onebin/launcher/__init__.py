"""The launcher that a cached artifact starts with: find it, or compile it."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
