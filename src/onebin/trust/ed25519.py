"""Which public keys of Ed25519 (RFC 8032) must not be trusted: those for which anybody can make a signature.

A point of small order is not the public key of any private key. For such a point, signatures of any file can be made
without a private key, and libraries accept them.
"""

from __future__ import annotations

_PRIME = 2**255 - 19
_SIGN = 1 << 255  # the highest bit, which is the sign of x
# The smaller y of the points of order 8, where doubling gives y = 0: d*y^4 + 2*y^2 - 1 = 0 modulo the prime.
_ORDER_8 = 0x05FC536D880238B13933C6D305ACDFD5F098EFF289F4C345B027B2C28F95E826
# The y of all eight points whose order divides the cofactor 8: of order 1, 2, 4 (x is not 0), and 8.
_SMALL_ORDER = frozenset({1, _PRIME - 1, 0, _ORDER_8, _PRIME - _ORDER_8})


def is_weak(key: bytes) -> bool:
    """Return whether a public key, given as its 32 bytes, is of small order, or has a y that is not below the prime.

    RFC 8032 (5.1.3) does not allow the latter: it is another form of a point of small order, or of no point.
    """
    y = int.from_bytes(key, "little") & ~_SIGN
    return y >= _PRIME or y in _SMALL_ORDER
