"""The build service: a page and an interface where people choose from a catalogue and get a file, with its proof."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
