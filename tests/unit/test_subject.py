"""Which package a message of uv is about; the messages are real ones."""

from __future__ import annotations

import pytest

from onebin.python import Failure, subject_of


@pytest.mark.parametrize(
    ("text", "subject"),
    [
        ("error: Failed to fetch: http://127.0.0.1:9/index/six/\n  cause: error sending request", "six"),
        ("error: Failed to fetch: `https://host/root/pypi/+simple/foo-bar/`\n  cause: timed out", "foo-bar"),
        ("error: Failed to build `bad @ file:///tmp/six==1/bad`\n  cause: The build backend returned", "bad"),
        ("error: Failed to download and build `far[x] @ git+https://host/far.git@main`\n  cause: Git", "far"),
        ("error: Failed to fetch: http://host/files/orbit-1.0.0-py3-none-any.whl\n  cause: HTTP status", "orbit"),
        ("error: Failed to\n  download `orbit==1.0.0`", "orbit"),
        ("error: Hash mismatch for `orbit==1.0.0`", "orbit"),
        ("uv was killed by SIGKILL", None),
        ("memory allocation of 123 bytes failed", None),
        ("", None),
    ],
)
def test_subject_is_the_package_that_is_named_first(text: str, subject: str | None) -> None:
    """It is the first requirement, page of an index or file that the message names; other messages have none."""
    assert subject_of(Failure(text)) == subject
