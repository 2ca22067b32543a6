"""Check host and plugins before anything is frozen; the result is a Plan."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
