"""What a build service answers: its interface and its pages, as a Starlette application."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
