"""The builds of a service: the ledger that has them, and the builder that does them."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
