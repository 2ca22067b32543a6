"""The catalogue, catalogue.toml: what somebody may ask to be built, and the manifest for what they ask."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
