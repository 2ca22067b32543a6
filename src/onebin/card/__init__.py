"""The card of an artifact: write it, read it, report on it, and compare two."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
