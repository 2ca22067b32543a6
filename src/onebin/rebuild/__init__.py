"""From an artifact back to its source: rebuild the same bytes, or recover its manifest and lock."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
