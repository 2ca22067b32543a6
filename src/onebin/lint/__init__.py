"""Say to the author of a plugin what `onebin check` will say of it, against the contract of a host."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
