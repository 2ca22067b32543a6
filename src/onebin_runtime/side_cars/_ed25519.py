"""Check a signature of Ed25519 (RFC 8032, section 5.1.7), with nothing but integers: some milliseconds.

The standard library has no signatures, and this package has nothing else. Only public values are handled here, so it
does not matter that the time depends on them. Points are in extended coordinates (X, Y, Z, T) with x = X/Z, y = Y/Z and
x*y = T/Z.
"""

from __future__ import annotations

import hashlib

TYPE_CHECKING = False
if TYPE_CHECKING:
    Point = tuple[int, int, int, int]

_PRIME = 2**255 - 19
_ORDER = 2**252 + 27742317777372353535851937790883648493
_D = -121665 * pow(121666, -1, _PRIME) % _PRIME
_ROOT = pow(2, (_PRIME - 1) // 4, _PRIME)  # of -1
_NEUTRAL = (0, 1, 1, 0)
KEY_BYTES = 32
SIGNATURE_BYTES = 64


def is_signed(message: bytes, signature: bytes, key: bytes) -> bool:
    """Return whether a signature (64 bytes) of a message was made with the private key of a public one (32 bytes)."""
    if len(signature) != SIGNATURE_BYTES or len(key) != KEY_BYTES:
        return False
    commitment, scalar = signature[:KEY_BYTES], int.from_bytes(signature[KEY_BYTES:], "little")
    public = _decoded(key)
    if public is None or scalar >= _ORDER:
        return False
    digest = hashlib.sha512(commitment + key + message).digest()
    challenge = int.from_bytes(digest, "little") % _ORDER
    return _encoded(_sum_of_products(scalar, challenge, _negated(public))) == commitment


def _sum_of_products(scalar: int, challenge: int, point: Point) -> Point:
    """Return scalar * base + challenge * point, from the highest bits down (Straus)."""
    both = _added(_BASE, point)
    total = _NEUTRAL
    for bit in range(max(scalar.bit_length(), challenge.bit_length()) - 1, -1, -1):
        total = _doubled(total)
        match (scalar >> bit & 1, challenge >> bit & 1):
            case (1, 1):
                total = _added(total, both)
            case (1, 0):
                total = _added(total, _BASE)
            case (0, 1):
                total = _added(total, point)
    return total


def _added(one: Point, other: Point) -> Point:
    (x1, y1, z1, t1), (x2, y2, z2, t2) = one, other
    a, b = (y1 - x1) * (y2 - x2) % _PRIME, (y1 + x1) * (y2 + x2) % _PRIME
    c, d = 2 * t1 * t2 * _D % _PRIME, 2 * z1 * z2 % _PRIME
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % _PRIME, g * h % _PRIME, f * g % _PRIME, e * h % _PRIME


def _doubled(point: Point) -> Point:
    x, y, z, _ = point
    a, b = x * x % _PRIME, y * y % _PRIME
    h = a + b
    e, g = h - (x + y) * (x + y) % _PRIME, a - b
    f = 2 * z * z + g
    return e * f % _PRIME, g * h % _PRIME, f * g % _PRIME, e * h % _PRIME


def _negated(point: Point) -> Point:
    x, y, z, t = point
    return -x % _PRIME, y, z, -t % _PRIME


def _encoded(point: Point) -> bytes:
    """Return a point as in a signature: y, with the lowest bit of x as the highest (RFC 8032, section 5.1.2)."""
    x, y, z, _ = point
    inverse = pow(z, -1, _PRIME)
    return (y * inverse % _PRIME | (x * inverse % _PRIME & 1) << 255).to_bytes(KEY_BYTES, "little")


def _decoded(text: bytes) -> Point | None:
    """Return the point that 32 bytes are, or None if they are none (RFC 8032, section 5.1.3)."""
    number = int.from_bytes(text, "little")
    y, sign = number & (1 << 255) - 1, number >> 255
    if y >= _PRIME:
        return None
    square = (y * y - 1) * pow(_D * y * y + 1, -1, _PRIME) % _PRIME
    x = pow(square, (_PRIME + 3) // 8, _PRIME)
    if (x * x - square) % _PRIME:
        x = x * _ROOT % _PRIME
    if (x * x - square) % _PRIME or (x == 0 and sign):
        return None
    x = x if x & 1 == sign else _PRIME - x
    return x, y, 1, x * y % _PRIME


_BASE = _decoded((4 * pow(5, -1, _PRIME) % _PRIME).to_bytes(KEY_BYTES, "little")) or _NEUTRAL
