"""Exit codes, and errors of the operating system in plain words."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from onebin import errors
from onebin.errors import OnebinError, PackError, os_errors


def _classes(base: type[OnebinError] = OnebinError) -> list[type[OnebinError]]:
    return [base, *(each for child in base.__subclasses__() for each in _classes(child))]


def test_exit_codes_are_unique() -> None:
    """Each error class that is raised has its own exit code; none is 2, which click uses for wrong usage.

    A violated contract is a failed plan and shares the exit code of a plan.
    """
    assert issubclass(errors.ContractError, errors.PlanError)
    assert errors.ContractError.exit_code == errors.PlanError.exit_code
    codes = [each.exit_code for each in _classes() if each not in {errors.FindingsError, errors.ContractError}]
    assert len(codes) == len(set(codes))
    assert 2 not in codes
    assert 0 not in codes


def test_readme_lists_every_exit_code() -> None:
    """The README's table has a row for each class."""
    readme = (Path(__file__).parents[2] / "README.md").read_text("utf-8")
    for each in _classes():
        if each is not errors.FindingsError:
            assert f"| {each.exit_code} |" in readme, each.__name__


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.ENOSPC, "no space left"),
        (errno.EROFS, "read-only"),
        (errno.EACCES, "permission"),
        (errno.EISDIR, "directory"),
    ],
)
def test_operating_system_errors_are_explained(number: int, words: str) -> None:
    """An OSError becomes the caller's kind of error with the path, the reason in plain words, and a remedy."""
    path = Path("somewhere")
    with pytest.raises(PackError, match=words) as caught, os_errors(PackError, "write", path):
        raise OSError(number, "x")
    assert "somewhere" in caught.value.message
    assert caught.value.hint


@pytest.mark.parametrize(
    ("name", "cause", "hint"),
    [
        ("missing", "no such file or directory", "check the path"),
        ("missing/file", "a parent directory does not exist", "create that directory first"),
    ],
)
def test_missing_file_and_missing_folder_are_distinguished(name: str, cause: str, hint: str, tmp_path: Path) -> None:
    """The error distinguishes a missing file from a missing parent directory."""
    path = tmp_path / name
    with pytest.raises(PackError, match=cause) as caught, os_errors(PackError, "read", path):
        path.read_bytes()
    assert (caught.value.hint or "").startswith(hint)


def test_missing_file_is_named_if_it_is_another_one(tmp_path: Path) -> None:
    """If the file to write could be written, but one to read is missing, the message names the latter."""
    missing = tmp_path / "missing"
    with (
        pytest.raises(PackError, match=f"cannot write {tmp_path / 'file'}: {missing} is missing") as caught,
        os_errors(PackError, "write", tmp_path / "file"),
    ):
        missing.read_bytes()
    assert caught.value.hint == "it was removed meanwhile: run the command again"
