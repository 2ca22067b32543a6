"""Provenance of an artifact: a signed statement of what it was built from (in-toto v1, SLSA v1, DSSE)."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
