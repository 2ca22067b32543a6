"""Freeze the generated source with PyInstaller; the result is a FrozenTree."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
