"""The installation that an artifact is: an interpreter, and an environment on top of it."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
