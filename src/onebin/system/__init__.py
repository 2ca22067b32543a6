"""What onebin needs of the operating system: processes, files, paths, digests; and words for messages."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
