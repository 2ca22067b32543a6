"""What goes over the wire between a client and a service: addresses, requests, answers, streams of events."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
