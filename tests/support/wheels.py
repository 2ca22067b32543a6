"""Write wheels by hand, with any names and texts that a test needs (the binary distribution format, PEP 427)."""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import tomllib
import zipfile
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

_EPOCH = (2020, 1, 1, 0, 0, 0)


def make_wheel(  # noqa: PLR0913  # a wheel has as many parts, and most tests need two or three of them
    folder: Path,
    name: str,
    *,
    files: Mapping[str, str | bytes],
    entry_points: str = "",
    requires: Sequence[str] = (),
    version: str = "1.0.0",
    metadata_version: str | None = None,
    licence: str = "",
) -> Path:
    """Write a wheel with a correct RECORD and return its file.

    `files` maps paths to contents, `entry_points` is the text of entry_points.txt. `metadata_version` is the version
    in METADATA, by default the one in the file's name, and `licence` a line of it.
    """
    escaped = name.replace("-", "_")
    info = f"{escaped}-{version}.dist-info"
    lines = ["Metadata-Version: 2.1", f"Name: {name}", f"Version: {metadata_version or version}"]
    lines += [licence] if licence else []
    contents: dict[str, bytes] = {path: _bytes(content) for path, content in files.items()}
    contents[f"{info}/METADATA"] = _bytes("\n".join([*lines, *(f"Requires-Dist: {each}" for each in requires)]) + "\n")
    contents[f"{info}/WHEEL"] = b"Wheel-Version: 1.0\nGenerator: hand\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    if entry_points:
        contents[f"{info}/entry_points.txt"] = _bytes(entry_points)
    rows = [(path, _digest(content), str(len(content))) for path, content in contents.items()]
    record = io.StringIO()
    csv.writer(record, lineterminator="\n").writerows([*rows, (f"{info}/RECORD", "", "")])
    contents[f"{info}/RECORD"] = _bytes(record.getvalue())
    file = folder / f"{escaped}-{version}-py3-none-any.whl"
    folder.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, content in contents.items():
            entry = zipfile.ZipInfo(path, _EPOCH)
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, content)
    return file


def wheel_of(project: Path, folder: Path) -> Path:
    """Write the wheel of a tiny project as a build would, but without the second that a build takes."""
    table: dict[str, Any] = tomllib.loads(project.joinpath("pyproject.toml").read_text("utf-8"))["project"]
    groups: dict[str, dict[str, str]] = {"console_scripts": table.get("scripts", {}), **table.get("entry-points", {})}
    lines = [
        line for group, points in groups.items() for line in (f"[{group}]", *(f"{k} = {v}" for k, v in points.items()))
    ]
    source = project / "src"
    files = [file for file in sorted(source.rglob("*")) if file.is_file() and "__pycache__" not in file.parts]
    return make_wheel(
        folder,
        table["name"],
        files={file.relative_to(source).as_posix(): file.read_bytes() for file in files},
        entry_points="\n".join([*lines, ""]),
        requires=table.get("dependencies", ()),
        version=table["version"],
    )


def _bytes(content: str | bytes) -> bytes:
    return content.encode() if isinstance(content, str) else content


def _digest(content: bytes) -> str:
    digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).decode().rstrip("=")
    return f"sha256={digest}"
