"""What an artifact needs from the machine it runs on: ELF files, the C library, glibc versions."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
