"""Cause 8: native code whose imports and libraries no source names."""

import ctypes
from pathlib import Path


def native():
    """Call an extension module, and libraries that are loaded by their path."""
    from sees_native import _speedup

    here = Path(__file__).parent
    (library,) = here.with_name("sees_native.libs").glob("libanswer*")
    return {
        "imported": _speedup.imported(),
        "answered": _speedup.answered(),
        "package-data": ctypes.CDLL(str(here / "libplain.so")).plain(),
        "libs-folder": ctypes.CDLL(str(library)).answer(),
        "by-name": ctypes.CDLL(library.name).answer(),
    }
