"""A tool that uses a package below a folder that is not a package."""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "vendor", "words-0.2.0"))


def words():
    """Return the words of the vendored package."""
    import toolbox_words

    return toolbox_words.WORDS
