"""Resolve a manifest into a lock (PEP 751), or read the existing one."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
