"""Files of macOS: the structure of Mach-O programs and libraries, their signatures, and what may be changed in them.

Standard library only.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
