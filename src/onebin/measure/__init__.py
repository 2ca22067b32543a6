"""Measure what an artifact costs: bytes by owner, and the time of imports and starts; and hold it to its budgets."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
