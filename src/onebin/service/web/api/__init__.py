"""The interface of a build service (OpenAPI): builds, their events and files, the catalogue, and its own state."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
