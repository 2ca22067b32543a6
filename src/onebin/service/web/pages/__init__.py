"""The pages of a build service, made on the server: what is on offer, a choice, a build, a token, what went wrong."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
