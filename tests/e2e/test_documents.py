"""What the documents say, done word by word."""

from __future__ import annotations

import shutil
import sys
from typing import TYPE_CHECKING

import pytest

from support.pages import PAGES

if TYPE_CHECKING:
    from support.pages import Followed

pytestmark = [
    pytest.mark.network,
    pytest.mark.skipif(sys.platform != "linux", reason="the documents show what happens on Linux"),
]


@pytest.mark.parametrize(
    "document", [pytest.param(each, marks=pytest.mark.long if page.is_long else ()) for each, page in PAGES.items()]
)
def test_page_can_be_followed(followed: Followed, document: str) -> None:
    """Whoever writes the files and types the commands of a page sees what it shows."""
    missing = [program for program in PAGES[document].needs if shutil.which(program) is None]
    if missing:
        pytest.skip(f"needs {' and '.join(missing)}")
    followed(document)
