"""The engine that builds cells on the workers of a Dask scheduler; only here is `distributed` imported."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
