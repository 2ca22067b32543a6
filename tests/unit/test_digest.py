"""Digests cover everything that matters and nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from onebin.system.digest import sha256_of, sha256_of_data, sha256_of_tree

if TYPE_CHECKING:
    from pathlib import Path


def test_equal_values_have_equal_digests() -> None:
    """The order of a table's keys does not change its digest; the order of a list does."""
    assert sha256_of({"a": 1, "b": [1, 2]}) == sha256_of({"b": [1, 2], "a": 1})
    assert sha256_of([1, 2]) != sha256_of([2, 1])


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Return a small project."""
    (tmp_path / "src" / "pkg" / "build").mkdir(parents=True)
    (tmp_path / "src" / "pkg" / "__init__.py").write_text("x = 1\n")
    (tmp_path / "src" / "pkg" / "build" / "__init__.py").write_text("y = 1\n")
    (tmp_path / "pyproject.toml").write_text("[project]\n")
    return tmp_path


@pytest.mark.parametrize(
    "change",
    [
        lambda top: (top / "src/pkg/__init__.py").write_text("x = 2\n"),
        lambda top: (top / "src/pkg/build/__init__.py").write_text("y = 2\n"),
        lambda top: (top / "src/pkg/new.py").touch(),
        lambda top: (top / "pyproject.toml").rename(top / "other.toml"),
        lambda top: (top / "pyproject.toml").chmod(0o755),
    ],
    ids=["bytes", "package-called-build", "new-file", "name", "mode"],
)
def test_change_of_source_changes_the_digest(project: Path, change) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001  # a lambda
    """Changed bytes, names, modes and new files change the digest, even in a package called build."""
    before = sha256_of_tree(project)
    change(project)
    assert sha256_of_tree(project) != before


@pytest.mark.parametrize(
    "leftover",
    ["build/lib/pkg.py", "dist/pkg.whl", ".git/HEAD", "src/pkg.egg-info/PKG-INFO", "src/pkg/__pycache__/x.pyc"],
)
def test_build_output_does_not_change_the_digest(project: Path, leftover: str) -> None:
    """Build output in a project's folder does not change its digest."""
    before = sha256_of_tree(project)
    (project / leftover).parent.mkdir(parents=True, exist_ok=True)
    (project / leftover).write_text("left")
    assert sha256_of_tree(project) == before


@pytest.mark.parametrize("place", ["build/x", "dist/x", ".git/HEAD", "src/__pycache__/x.pyc", "a.egg-info/PKG-INFO"])
def test_digest_of_data_covers_everything(project: Path, place: str) -> None:
    """New, changed, renamed and removed files change the digest of data, whatever their folders are called."""
    seen = [sha256_of_data(project)]
    file = project / place
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("x")
    seen.append(sha256_of_data(project))
    file.write_text("y")
    seen.append(sha256_of_data(project))
    file.rename(file.with_name("other"))
    seen.append(sha256_of_data(project))
    assert len(set(seen)) == 4
    file.with_name("other").unlink()
    assert sha256_of_data(project) == seen[0]


def test_link_in_data_counts_as_its_target(project: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    """The digest of a link in data covers the content of its target."""
    target = tmp_path_factory.mktemp("elsewhere") / "file"
    target.write_text("x")
    (project / "link").symlink_to(target)
    before = sha256_of_data(project)
    target.write_text("y")
    assert sha256_of_data(project) != before
