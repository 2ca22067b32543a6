"""A report on an artifact: what is in it, what its start costs, where it comes from; as plain data and as a page."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
