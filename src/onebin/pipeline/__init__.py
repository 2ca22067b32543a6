"""Build an artifact: the request, the stages in their order, the events on the way, and receipts of earlier builds."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
