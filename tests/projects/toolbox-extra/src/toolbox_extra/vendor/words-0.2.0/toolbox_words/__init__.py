"""A vendored package; it is the only one that imports this part of the standard library."""

import graphlib

WORDS = sorted(graphlib.__all__)
