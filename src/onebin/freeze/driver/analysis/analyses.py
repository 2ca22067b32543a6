"""Keep the outcome of PyInstaller's analysis from build to build, so that after a small change code is only replaced.

An analysis depends on its arguments, on the names of the files around it, and on the content of the files that it read;
on most sources it depends only through what the graph found in them (see `scans.py`). If none of that has changed, the
outcome is the same, and only the code in it is replaced. Nothing is guessed: everything that was read is compared.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import sys
import sysconfig
from collections import defaultdict
from pathlib import Path
from types import MemberDescriptorType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from onebin.freeze.driver.patches import PyInstaller

# The arguments of an Analysis, and what it finds, under the names of its attributes.
_ASKED = (
    *("inputs", "pathex", "hiddenimports", "hookspath", "hooksconfig", "excludes", "custom_runtime_hooks"),
    *("noarchive", "module_collection_mode", "optimize", "_input_binaries", "_input_datas"),
)
_FOUND = (
    *("scripts", "pure", "binaries", "datas", "zipfiles", "zipped_data", "dependencies", "_modules_outside_pyz"),
    "skipped_hooks",  # our own
)
# `Analysis._GUTS` has the attributes that PyInstaller itself compares: all of the above but these, and another that is
# the same for everyone who shares what is kept.
_NOT_COMPARED, _CONSTANT = frozenset({"dependencies", "skipped_hooks"}), frozenset({"_python_version"})
# The answers of the system's own programs, which PyInstaller asks for libraries, change with this file (ldconfig(8)).
SYSTEM_LIBRARIES = "/etc/ld.so.cache"
# Stands for all names that a module binds, where a star imports them.
_ALL = "*"
_OWN_VARIABLES = ("HOME", "PYINSTALLER_CONFIG_DIR")


class Places:
    """Folders whose paths differ from build to build (`moving`, by a word), and those that never change (`fixed`)."""

    def __init__(self, moving: Mapping[str, str], fixed: Iterable[str]) -> None:
        self._moving = moving
        both = [(each, word) for word, path in moving.items() for each in (path, os.path.realpath(path))]
        self._words = {path: f"\0{word}" for path, word in both}
        base = {"base": sys.base_prefix, "platbase": sys.base_exec_prefix}  # not the stage's
        library = (sysconfig.get_path(name, vars=base) for name in ("stdlib", "platstdlib"))
        self._fixed = tuple(os.path.realpath(path) + os.sep for path in (*fixed, *library))

    def portable(self, value: Any) -> Any:
        """Return a value, or a container of values, with words in place of the paths of these folders."""
        if isinstance(value, str):
            for path, word in self._words.items():
                if value == path or value.startswith(path + os.sep):
                    return word + value[len(path) :]
            return value
        return _within(self.portable, value)

    def actual(self, value: Any) -> Any:
        """Return a portable value with this build's paths."""
        if isinstance(value, str):
            if not value.startswith("\0"):
                return value
            word, _, below = value[1:].partition(os.sep)
            return os.path.join(self._moving[word], below) if below else self._moving[word]  # noqa: PTH118  # paths are text here
        return _within(self.actual, value)

    def names(self, word: str) -> list[str]:
        """Return the names of all files below one of the folders, without bytecode, which comes and goes."""
        folder = self._moving[word]
        return sorted(
            os.path.join(os.path.relpath(place, folder), name)  # noqa: PTH118  # paths are text here, and thousands
            for place, _, names in os.walk(folder)
            if not place.endswith("__pycache__")
            for name in names
        )

    def is_made(self, path: str) -> bool:
        """Return whether a file is in the folder `work`, which means that this build makes it."""
        return str(self.portable(path)).startswith("\0work")

    def is_fixed(self, path: str) -> bool:
        """Return whether a file is the same for all builds that share what is kept."""
        return os.path.realpath(path).startswith(self._fixed)


def _within(change: Any, value: Any) -> Any:
    if isinstance(value, dict):
        return {change(key): change(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(change(each) for each in value)
    return value


class Analyses:
    """The outcomes of analyses, kept beside the findings in sources.

    `watch` says what an analysis has read, `hooks` which hooks were skipped.

    The moving places are `stage`, `source` and `work`.
    """

    def __init__(self, scans: Any, watch: Any, places: Places, hooks: Any) -> None:
        self._scans, self._watch, self._places, self._hooks = scans, watch, places, hooks
        self._looked_at: set[str] = set()
        self._names: defaultdict[str, set[str]] = defaultdict(set)
        self._sources: dict[str, str] = {}

    def remember_for(self, analysis: Any, graph: Any, node: Any, pyinstaller: PyInstaller) -> None:
        """Make PyInstaller's `Analysis` use a kept outcome where there is one, and keep new ones; raises PatchError.

        `graph` and `node` are the classes that it works with.
        """
        assemble = pyinstaller.method(analysis, "assemble", "self", uses=("get_code_objects",))
        compared = {name for name, _ in pyinstaller.attribute(analysis, "_GUTS")} - _CONSTANT
        known = {*_ASKED, *_FOUND} - _NOT_COMPARED
        different = ", ".join(sorted(compared ^ known))
        pyinstaller.require(not different, f"Analysis._GUTS with the names that onebin knows (different: {different})")
        self._note_questions(graph, node, pyinstaller)

        def remembering(asked: Any) -> None:
            name = f"analysis-{self._key(asked)}"
            kept = self._scans.read(name)
            if kept is not None and self._restore(asked, *kept):
                return
            self._scans.searched.clear()
            with self._watch:
                assemble(asked)
            asked.skipped_hooks = list(self._hooks.skipped)
            kept = self._outcome(asked)
            if kept is not None:
                self._scans.keep(name, kept)

        analysis.assemble = remembering

    def _note_questions(self, graph: Any, node: Any, pyinstaller: PyInstaller) -> None:
        """Note what is asked of a module besides its imports: whether it binds a name, and its code.

        Taking the code of all modules for the archive does not count.
        """
        slot = pyinstaller.attribute(node, "code")
        pyinstaller.require(isinstance(slot, MemberDescriptorType), f"slot {node.__name__}.code")
        code_objects = pyinstaller.method(graph, "get_code_objects", "self", uses=("code",))
        is_global = pyinstaller.method(node, "is_global_attr", "self", "attr_name")
        adopt_names = pyinstaller.method(node, "add_global_attrs_from_module", "self", "target_module")

        def asked_for(module: Any, name: str) -> Any:
            self._names[module.filename].add(name)
            return is_global(module, name)

        def adopted(module: Any, other: Any) -> None:
            self._names[other.filename].add(_ALL)
            adopt_names(module, other)

        def looked_at(module: Any) -> Any:
            self._looked_at.add(module.filename)
            return slot.__get__(module)

        def taken(found: Any) -> Any:
            before = self._looked_at.copy()
            codes = code_objects(found)
            self._looked_at = before
            self._sources = {name: found.find_node(name).filename for name in codes}
            return codes

        node.is_global_attr, node.add_global_attrs_from_module = asked_for, adopted
        node.code = property(looked_at, slot.__set__)
        graph.get_code_objects = taken

    def _key(self, asked: Any) -> str:
        names = [self._places.names(word) for word in ("stage", "source")]
        variables = sorted((name, value) for name, value in os.environ.items() if name not in _OWN_VARIABLES)
        questions = [getattr(asked, name) for name in _ASKED]
        return _digest(repr(self._places.portable([questions, names, variables, sys.path])).encode())

    def _outcome(self, asked: Any) -> Any:
        """Return what to keep, or None: what was read, found and made, and the source of each module's code."""
        if self._watch.is_blind or not all(map(self._scans.knows, self._sources.values())):
            return None
        found = {name: getattr(asked, name) for name in _FOUND}
        files = [source for _, source, kind in (*asked.binaries, *asked.datas) if kind != "SYMLINK"]
        made = {file: Path(file).read_bytes() for file in files if self._places.is_made(file)}
        read = self._read([SYSTEM_LIBRARIES, *(source for _, source, _ in asked.binaries)])
        states = {file: (names, self._state(file, names)) for file, names in read.items()}
        return self._places.portable((states, found, made, self._sources))

    def _read(self, more: Iterable[str]) -> dict[str, list[str] | None]:
        """Return the files on which the outcome depends: on their imports and these names in them, or wholly (None)."""
        imported = (getattr(module, "__file__", None) for module in sys.modules.values())
        whole = {*more, *self._looked_at, *imported, *self._watch.opened_elsewhere} - {None}
        searched = {path for path, times in self._watch.opened.items() if times == self._scans.searched[path]} - whole
        found: dict[str, list[str] | None] = {path: sorted(self._names[path]) for path in searched}
        found |= dict.fromkeys(map(_source_of, whole | (self._watch.opened.keys() - searched)))
        return {file: names for file, names in found.items() if not self._is_constant(file)}

    def _is_constant(self, path: str) -> bool:
        """Return whether a path is not a file, or is a file that cannot change or that this build makes."""
        is_no_file = os.path.exists(path) and not os.path.isfile(path)  # noqa: PTH110, PTH113  # paths are text here, and thousands
        return is_no_file or self._places.is_fixed(path) or self._places.is_made(path)

    def _state(self, file: str, names: list[str] | None) -> str | None:
        """Return the digest of a file, or of its imports and which of these names it binds; None if it is gone."""
        findings = None if names is None else self._scans.findings_in(file)
        if names is not None and findings is not None:
            imports, bound = findings
            relevant = bound if _ALL in names else sorted({*bound}.intersection(names))
            return _digest(repr((imports, relevant)).encode())
        try:
            return _digest(Path(file).read_bytes())
        except OSError:
            return None

    def _restore(self, asked: Any, states: Any, found: Any, made: Any, sources: Any) -> bool:
        """Give an analysis a kept outcome unless something has changed on which that depends; return whether it did."""
        actual = self._places.actual
        if any(self._state(actual(file), names) != state for file, (names, state) in states.items()):
            return False
        codes = {name: self._scans.code_of(actual(file)) for name, file in sources.items()}
        if None in codes.values():
            return False
        for file, content in made.items():
            Path(actual(file)).parent.mkdir(parents=True, exist_ok=True)
            Path(actual(file)).write_bytes(content)
        for name, value in found.items():
            setattr(asked, name, actual(value))
        config = sys.modules["PyInstaller.config"]
        is_same_level = asked.optimize == sys.flags.optimize
        config.CONF["code_cache"][id(asked.pure)] = codes if is_same_level else None
        sys.modules["PyInstaller.log"].getLogger("onebin").info("Using the analysis of an earlier build")
        return True


def _source_of(path: str) -> str:
    """Return the source of a bytecode file (PEP 3147), and any other path as it is."""
    try:
        return importlib.util.source_from_cache(path)
    except ValueError:
        return path


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
