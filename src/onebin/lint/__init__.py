"""Check a plugin against the contract of a host, for its author: as `onebin check` does, without a manifest."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
