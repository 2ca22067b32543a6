"""The platforms that an artifact can be built for, and how their programs are run on this machine."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
