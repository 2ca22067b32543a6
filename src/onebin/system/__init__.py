"""What onebin needs from the operating system: processes, files, paths, digests; and wording for messages."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
