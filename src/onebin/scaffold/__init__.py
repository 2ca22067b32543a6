"""Create new projects: a host with a contract for its plugins, or a plugin that fits the contract of a host."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
