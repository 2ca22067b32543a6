"""The cache: directories that are complete or absent, and commands to list and remove them."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
