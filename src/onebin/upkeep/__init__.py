"""Keep a manifest and its lock, between builds: edit them, and show what is in them and why."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
