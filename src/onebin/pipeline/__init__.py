"""Build an artifact: requests, the stages in order, events, results, and receipts of earlier builds."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
