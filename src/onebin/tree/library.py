"""Choose the files of the standard library for a tree: everything, but for large parts that no locked package names.

These are the interpreter's own test suites, what needs a display (Tk), the wheels of pip, and a module that needs
Kerberos. A name in a source, an entry point or the manifest includes each of them.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from onebin.manifest import Manifest
    from onebin.python import Interpreter
    from onebin.survey import Survey


@dataclass(frozen=True, kw_only=True)
class Part:
    """A part of the standard library that is left out unless something names it.

    `modules` are top-level names, `folders` are names of folders anywhere in the library. The part is included if a
    source imports one of the `imports`, has one of the `strings` as a whole string, starts one of the `programs` with
    `-m`, or imports a module and contains a text that are together in `uses`.
    """

    title: str
    modules: frozenset[str]
    imports: tuple[str, ...]
    folders: frozenset[str] = frozenset()
    strings: tuple[str, ...] = ()
    programs: tuple[str, ...] = ()
    uses: tuple[tuple[str, str], ...] = ()


PARTS = (
    Part(
        title="the interpreter's test suites",
        modules=frozenset({"test", "_testbuffer", "_testcapi", "_testclinic", "_testclinic_limited", "_ctypes_test"})
        | {"_testexternalinspection", "_testimportmultiple", "_testinternalcapi", "_testlimitedcapi", "_testmultiphase"}
        | {"_testsinglephase", "_xxtestfuzz", "xxlimited", "xxlimited_35", "xxsubtype"},
        folders=frozenset({"test", "tests", "idle_test"}),
        imports=("test.support", "test.test_support", "test.regrtest", "test.libregrtest", "_testcapi"),
        programs=("test", "test.regrtest"),
    ),
    Part(
        title="tkinter, turtle and IDLE",
        modules=frozenset({"tkinter", "_tkinter", "turtle", "turtledemo", "idlelib"}),
        imports=("tkinter", "_tkinter", "turtle", "turtledemo", "idlelib"),
        strings=("tkinter", "_tkinter"),
        programs=("tkinter", "turtle", "turtledemo", "idlelib", "idlelib.idle"),
    ),
    # An environment gets its pip from there, unless it is to have none.
    Part(
        title="ensurepip",
        modules=frozenset({"ensurepip"}),
        imports=("ensurepip",),
        strings=("ensurepip",),
        programs=("ensurepip", "venv"),
        uses=(("venv", "with_pip"),),
    ),
    Part(title="nis", modules=frozenset({"nis"}), imports=("nis",)),
)
# For those who link a program to the interpreter. The library itself is among the shared libraries of a tree.
_FOR_LINKERS = re.compile(r".*\.[ao]|libpython.*\.(?:so.*|dylib)")
_SKIPPED_FOLDERS = frozenset({"__pycache__", "site-packages", "dist-packages", "lib-dynload"})


def left_out(survey: Survey, manifest: Manifest) -> tuple[Part, ...]:
    """Return the parts of the standard library that nothing in a bundle names."""
    return tuple(part for part in PARTS if next(reasons_for(part, survey, manifest), None) is None)


def selection(survey: Survey, manifest: Manifest) -> list[str]:
    """Return lines about what an artifact will not have, and how to get it."""
    without = [part.title for part in left_out(survey, manifest)]
    lines = []
    if without:
        lines.append(f"not included, because nothing names it: {', '.join(without)}; see [freeze] include")
    if manifest.freeze.collect == "lean":
        lines.append(
            "lean: what only a user's file, a configuration, a pickle or a prompt imports is not included, "
            "nor are the sources of the standard library"
        )
    return lines


def part_of(module: str) -> Part | None:
    """Return the part that a module of the standard library belongs to, if it may be left out."""
    return next((part for part in PARTS if module.partition(".")[0] in part.modules), None)


def reasons_for(part: Part, survey: Survey, manifest: Manifest) -> Iterator[str]:
    """Yield a line for each thing in a bundle that names a part."""
    named = [(f"[freeze] include names {name}", name) for name in manifest.freeze.include]
    named += [
        (f"the entry point {point.name} of {each.name} names {point.module}", point.module)
        for each in survey.distributions.values()
        for point in each.entry_points
    ]
    yield from (line for line, module in named if module.partition(".")[0] in part.modules)
    yield from _in_sources(part, survey)


def _in_sources(part: Part, survey: Survey) -> Iterator[str]:
    for module in part.imports:
        yield from (f"{name} imports {module}" for name in sorted(survey.importing(module)))
    for word in part.strings:
        yield from (f"{name} has the string {word!r}" for name in sorted(survey.mentioning(word)))
    for each in survey.distributions.values():
        yield from (f"{each.name} runs {name} with -m" for name in each.behaviour.run_as_main if name in part.programs)
    for module, text in part.uses:
        for name in sorted(survey.importing(module)):
            if survey.distributions[name].contains(text):
                yield f"{name} imports {module} and uses {text}"


def library_files(interpreter: Interpreter, without: Iterable[Part]) -> Iterator[tuple[str, Path]]:
    """Yield the files of the standard library without some parts, by their POSIX paths below it; raises OSError."""
    without = tuple(without)
    modules = {name for part in without for name in part.modules}
    folders = {name for part in without for name in part.folders} | _SKIPPED_FOLDERS
    top = interpreter.stdlib[0]
    for folder, inner, names in os.walk(top):
        where = Path(folder).relative_to(top)
        is_top = not where.parts
        inner[:] = sorted(name for name in inner if name not in folders and not (is_top and name in modules))
        for name in sorted(names):
            if not _FOR_LINKERS.fullmatch(name) and not (is_top and name.partition(".")[0] in modules):
                yield (where / name).as_posix(), Path(folder, name)


def extension_files(interpreter: Interpreter, without: Iterable[Part]) -> Iterator[tuple[str, Path]]:
    """Yield the extension modules of the standard library without those of some parts; raises OSError."""
    modules = {name for part in without for name in part.modules}
    for top in interpreter.stdlib[1:]:
        for file in sorted(top.iterdir()) if top.is_dir() else ():
            if file.is_file() and file.name.partition(".")[0] not in modules:
                yield file.name, file
