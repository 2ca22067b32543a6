"""A host that finds its plugins by entry points."""

import sys

AT_FIRST = sorted(sys.modules)
