"""Build many bundles: the cells of a matrix, here or on a cluster, into a store of everything that was built."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
