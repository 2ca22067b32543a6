"""A host that uses its installation in many ways."""

import sys

AT_FIRST = sorted(sys.modules)
