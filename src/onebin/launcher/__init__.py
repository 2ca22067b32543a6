"""The launcher at the beginning of a cached artifact: find it or compile it."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
