"""What the documents say, done word by word."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from support.documents import follow
from support.projects import ROOT

if TYPE_CHECKING:
    from pathlib import Path

    from support.command import Onebin

pytestmark = pytest.mark.network


@pytest.mark.parametrize("document", ["docs/tutorial.md", pytest.param("README.md", marks=pytest.mark.long)])
def test_document_can_be_followed(onebin: Onebin, tmp_path: Path, document: str) -> None:
    """Whoever writes the files and types the commands of the document sees what it shows."""
    assert follow(ROOT / document, tmp_path, {"ONEBIN_CACHE_DIR": str(onebin.cache)}) >= 3
