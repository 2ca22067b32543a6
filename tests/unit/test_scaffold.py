"""New projects: which names are refused, and what is read from the source of a host."""

from __future__ import annotations

import ast
import hashlib
import os
from textwrap import dedent
from typing import TYPE_CHECKING

import pytest

from onebin.card import file as card
from onebin.errors import FindingsError, ManifestError
from onebin.scaffold.code import Contract, plugin_code
from onebin.scaffold.hosts import choose_host
from onebin.scaffold.imports import Import, import_block
from onebin.scaffold.lookups import Lookup, lookups_in, pluggy_project
from onebin.scaffold.names import check_name, class_name, entry_name
from onebin.scaffold.project import new_host, new_plugin
from onebin.scaffold.sources import Sources
from support.facts import FACTS

if TYPE_CHECKING:
    from pathlib import Path


def _sources(folder: Path, **modules: str) -> Sources:
    """Write modules, with `__` for a dot in their names, and return them as those of a host."""
    files = {}
    for name, text in modules.items():
        file = folder / f"{name}.py"
        file.write_text(dedent(text), "utf-8")
        files[name.replace("__", ".")] = file
    return Sources(files)


def _code(sources: Sources, value: str, *, provides: str | None = None, style: str = "entry-points") -> str:
    module, _, name = value.partition(":")
    defined = sources.definition(module, name)
    assert defined is not None
    contract = Contract(value=value, module=defined[0], node=defined[1], provides=provides, is_declared=True)
    lookup = Lookup(style=style, group="host.plugins")  # type: ignore[arg-type]  # one of the four
    return plugin_code(lookup, contract, sources, "shout").text("host_shout")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("json", "standard library"),
        ("class", "word of Python"),
        ("match", "word of Python"),
        ("3d", "cannot be imported"),
        ("a b", "not a valid name"),
        ("-x", "not a valid name"),
        ("x.", "not a valid name"),
        ("größe", "not a valid name"),
        ("{{ 7 * 7 }}", "not a valid name"),
        ("tests", "means something else"),
        ("onebin-runtime", "means something else"),
        ("Needed_Thing", "needs needed-thing"),
    ],
)
def test_name_that_cannot_be_a_project_is_refused(name: str, words: str, tmp_path: Path) -> None:
    """Names that are invalid, or whose package could not be imported, are refused with the reason."""
    (finding,) = check_name(tmp_path / name, {"needed-thing"})
    assert words.replace("needs", "will need") in finding.message
    assert finding.hint


def test_good_names_are_accepted(tmp_path: Path) -> None:
    """Hyphens, dots and capitals are fine."""
    assert not [*check_name(tmp_path / "My.App-2_x", set())]


@pytest.mark.parametrize("kind", ["folder", "file", "link"])
def test_whatever_is_at_the_place_stays(kind: str, tmp_path: Path) -> None:
    """An existing folder, file or dangling link is refused and is not changed, and nothing else is written."""
    place = tmp_path / "app"
    if kind == "folder":
        place.mkdir()
    elif kind == "file":
        place.write_text("mine", "utf-8")
    else:
        place.symlink_to(tmp_path / "nowhere")
    with pytest.raises(FindingsError) as caught:
        new_host(place)
    assert [each.message for each in caught.value.findings] == ["it exists already"]
    assert [*tmp_path.iterdir()] == [place]
    assert kind != "file" or place.read_text("utf-8") == "mine"


def test_every_problem_of_a_name_is_reported(tmp_path: Path) -> None:
    """A name that is wrong in two ways is refused with both."""
    (tmp_path / "json").mkdir()
    with pytest.raises(FindingsError) as caught:
        new_host(tmp_path / "json")
    assert len(caught.value.findings) == 2


def test_missing_parent_is_refused(tmp_path: Path) -> None:
    """The folder in which the project is to be created must exist."""
    with pytest.raises(FindingsError) as caught:
        new_host(tmp_path / "nowhere" / "app")
    assert "does not exist" in caught.value.findings[0].message


def test_entry_point_is_called_as_the_plugin_without_its_host() -> None:
    """The name of an entry point leaves out the host's name; class names avoid those that are taken."""
    assert entry_name("My_App-csv", "my.app") == "csv"
    assert entry_name("csv", "my-app") == "csv"
    assert class_name("csv-reader", ()) == "CsvReader"
    assert class_name("2d", ()) == "Plugin2d"
    assert class_name("none", {"NonePlugin"}) == "PluginNone"


def test_imports_are_in_the_order_of_formatters() -> None:
    """Sections, modules and names are sorted; what only annotations need is not imported by the program."""
    wanted = {
        Import(module="zlib"),
        Import(module="typing", name="Any"),
        Import(module="host.contract", name="run"),
        Import(module="host.contract", name="Plugin"),
        Import(module="host.contract", name="LIMIT"),
        Import(module="own.code", name="x"),
        Import(module="a.b", name="c", alias="d"),
        Import(module="_typeshed", name="SupportsRead", is_for_types=True),
    }
    assert import_block(wanted, own="own").split("\n") == [
        "from __future__ import annotations",
        "",
        "import zlib",
        "from typing import TYPE_CHECKING, Any",
        "",
        "from a.b import c as d",
        "from host.contract import LIMIT, Plugin, run",
        "",
        "from own.code import x",
        "",
        "if TYPE_CHECKING:",
        "    from _typeshed import SupportsRead",
    ]


LOOKUPS = {
    "entry_points(group='a.b')": ("entry-points", "a.b"),
    "metadata.entry_points().select(group=GROUP)": ("entry-points", "of.constant"),
    "entry_points().get('a.b', ())": ("entry-points", "a.b"),
    "entry_points()['a.b']": ("entry-points", "a.b"),
    "[each for each in found if each.group == const.GROUP]": ("entry-points", "of.constant"),
    "[each for each in found if each.group in GROUPS]": ("entry-points", "one.of"),
    "pkg_resources.iter_entry_points('a.b')": ("entry-points", "a.b"),
    "pkg_resources.get_entry_map('host', GROUP)": ("entry-points", "of.constant"),
    "[each for each in found if 'a.b' == each.group]": ("entry-points", "a.b"),
    "manager.load_setuptools_entrypoints('a')": ("pluggy", "a"),
    "stevedore.DriverManager('a.b', name)": ("stevedore", "a.b"),
    "extension.ExtensionManager(namespace=GROUP, invoke_on_load=True)": ("stevedore", "of.constant"),
    "pkgutil.iter_modules(others.__path__)": ("namespace", "host_plugins"),
    "pkgutil.walk_packages(host.space.__path__, 'host.space.')": ("namespace", "host.space"),
    "pkgutil.iter_modules(importlib.import_module('far.away').__path__)": ("namespace", "far.away"),
}


@pytest.mark.parametrize("code", LOOKUPS)
def test_ways_to_look_up_plugins_are_recognised(code: str, tmp_path: Path) -> None:
    """Each way in which hosts look up plugins is found, with literals and with constants of other modules."""
    text = f"""
    import host
    import host_plugins as others
    from host import const
    from host.const import GROUP
    GROUPS = frozenset(("one.of",))
    found = {code}
    """
    constants = "GROUP = 'of.constant'"
    sources = _sources(tmp_path, host="", host__const=constants, host__main=text)
    (found,) = lookups_in(sources)
    assert (found.style, found.group) == LOOKUPS[code]


@pytest.mark.parametrize(
    "code",
    [
        "entry_points(group='console_scripts')",
        "entry_points(group=name)",
        "pkgutil.iter_modules(host.__path__)",
        "entry_points()",
    ],
)
def test_what_others_cannot_extend_is_not_a_lookup(code: str, tmp_path: Path) -> None:
    """Scripts, names that only the program knows, and packages of the host's own are not what plugins are found by."""
    assert lookups_in(_sources(tmp_path, host=f"import host\nx = {code}\n")) == ()


CONTRACT = '''
from collections.abc import Callable, Iterator
from typing import IO, Literal, Protocol, TYPE_CHECKING, TypeVar
import abc
import datetime as dt
from .records import Record
if TYPE_CHECKING:
    from _typeshed import SupportsRead

T = TypeVar("T")
LIMIT = 10

class Named(Protocol):
    name: str

class Parser(Named, Protocol):
    """Reads a "format"."""
    size: int
    @property
    def mode(self) -> Literal['a', "b"]: ...
    def parse(self, stream: "IO[bytes]", /, *, limit: int = LIMIT, at: dt.date | None = None) -> Iterator[Record]:
        """Read \\\\ it."""
    async def close(self): ...
    @staticmethod
    def twice(value: T) -> T: ...
    def late(self, source: "SupportsRead[str]", *more: int, **others: object) -> None: ...

class Base(abc.ABC):
    @abc.abstractmethod
    def must(self, word: str) -> int: ...
    def may(self) -> int:
        return 1

class Called(Protocol):
    def __call__(self, text: str) -> str: ...

Handler = Callable[[str, int], bool]
'''


@pytest.fixture
def contract(tmp_path: Path) -> Sources:
    """Return a host with contracts of every kind."""
    sources = _sources(tmp_path, host__contract=CONTRACT, host__records="class Record: ...")
    package = tmp_path / "__init__.py"
    package.write_text("from .contract import Base\n", "utf-8")
    return Sources({**sources.files, "host": package})


def test_stub_has_every_member_of_a_protocol(contract: Sources) -> None:
    """A stub has the members of a protocol and its bases with their signatures, and imports what these need."""
    assert _code(contract, "host.contract:Parser") == dedent(
        '''
        from __future__ import annotations

        import datetime as dt
        from collections.abc import Iterator
        from typing import IO, TYPE_CHECKING, Any, Literal

        from host.contract import LIMIT
        from host.records import Record

        if TYPE_CHECKING:
            from _typeshed import SupportsRead


        class Shout:
            """Reads a 'format'."""

            name: str = "shout"
            size: int = 0

            @property
            def mode(self) -> Literal["a", "b"]:
                """Fill this in."""
                raise NotImplementedError

            def parse(self, stream: IO[bytes], /, *, limit: int = LIMIT, at: dt.date | None = None) -> Iterator[Record]:
                """Read / it."""
                raise NotImplementedError

            async def close(self) -> Any:
                """Fill this in."""
                raise NotImplementedError

            @staticmethod
            def twice(value: Any) -> Any:
                """Fill this in."""
                raise NotImplementedError

            def late(self, source: SupportsRead[str], *more: int, **others: object) -> None:
                """Fill this in."""
                raise NotImplementedError'''
    )


def test_stub_of_an_abstract_class_has_what_is_abstract(contract: Sources) -> None:
    """A stub of an ABC inherits from it, and has its abstract methods only; another module may export the class."""
    text = _code(contract, "host:Base", provides="instance")
    assert "class Shout(Base):" in text
    assert "def must(self, word: str) -> int:" in text
    assert "may" not in text
    assert text.endswith("\n\n\nplugin = Shout()")


@pytest.mark.parametrize(
    ("value", "head"),
    [
        ("host.contract:Called", "def shout(text: str) -> str:"),
        ("host.contract:Handler", "def shout(argument_1: str, argument_2: int, /) -> bool:"),
    ],
)
def test_stub_of_a_callable_is_a_function(value: str, head: str, contract: Sources) -> None:
    """For a callable type, the stub is a function."""
    assert _code(contract, value).strip().startswith(head)


def test_hooks_are_implemented_with_the_hosts_marker(tmp_path: Path) -> None:
    """Each hook specification, in a module or in a class, becomes a hook that returns nothing."""
    sources = _sources(
        tmp_path,
        specs="""
        import pluggy
        NAME = "the-host"
        hookspec = pluggy.HookspecMarker(NAME)
        @hookspec(firstresult=True)
        def read(path: str) -> bytes:
            '''Read a file.'''
        class Specs:
            @hookspec
            def closed(self, path): ...
        """,
    )
    assert pluggy_project(sources) == "the-host"
    text = plugin_code(Lookup(style="pluggy", group="x"), None, sources, "shout").text("x")
    assert 'hookimpl = pluggy.HookimplMarker("the-host")' in text
    assert '@hookimpl\ndef read(path: str) -> bytes | None:\n    """Read a file."""\n    return None' in text
    assert "@hookimpl\ndef closed(path: Any) -> Any:" in text


def test_plugin_needs_a_host_or_a_group(tmp_path: Path) -> None:
    """Without a host and a group, it is not known what finds the plugin; with a group, the plugin is an empty class."""
    with pytest.raises(FindingsError) as caught:
        new_plugin(tmp_path / "shout")
    assert "--group" in str(caught.value.findings[0].hint)
    with pytest.raises(FindingsError) as caught:
        new_plugin(tmp_path / "shout", group='x"\n[evil]')
    assert "not a valid name" in caught.value.findings[0].message
    assert not [*tmp_path.iterdir()]
    created = new_plugin(tmp_path / "shout", group="app.plugins")
    assert "bundle.toml" not in created.files
    assert 'shout = "shout:Shout"' in (tmp_path / "shout" / "pyproject.toml").read_text("utf-8")


def test_host_with_several_groups_needs_a_choice(tmp_path: Path) -> None:
    """A host that looks up several groups is not guessed about; neither is one that looks up none."""
    host = tmp_path / "app"
    new_host(host)
    other = host / "src" / "app" / "other.py"
    other.write_text('from importlib.metadata import entry_points\nx = entry_points(group="app.others")\n', "utf-8")
    (host / "bundle.toml").unlink()
    for name, style in (("app-a", None), ("app-b", "stevedore")):
        with pytest.raises(FindingsError) as caught:
            new_plugin(tmp_path / name, host=str(host), style=style)  # type: ignore[arg-type]  # one of the four
        assert "--group" in str(caught.value.findings[0].hint)
    created = new_plugin(tmp_path / "app-c", host=str(host), group="app.others", contract="app.contract:Plugin")
    assert 'contract = "app.contract:Plugin"' in (created.directory / "bundle.toml").read_text("utf-8")
    with pytest.raises(FindingsError) as caught:
        new_plugin(tmp_path / "app-d", host=str(host), group="app.others", contract="app.contract:Plugins")
    assert "did you mean 'app.contract:Plugin'?" in str(caught.value.findings[0].hint)


@pytest.mark.parametrize(
    "project",
    [
        'name = "a b"',
        'name = "a\\"]\\n[evil]"',
        'name = ["a"]',
        'version = "1"',
        'name = "a"\nversion = "x\\ny"',
        "name = ",
    ],
)
def test_host_with_odd_metadata_is_refused(project: str, tmp_path: Path) -> None:
    """A host whose name or version is not valid is refused, and nothing of it gets into a file."""
    (tmp_path / "host").mkdir()
    (tmp_path / "host" / "pyproject.toml").write_text(f"[project]\n{project}\n", "utf-8")
    with pytest.raises(FindingsError, match="the host cannot be read"):
        new_plugin(tmp_path / "shout", host=str(tmp_path / "host"), group="a.b")
    assert not (tmp_path / "shout").exists()


@pytest.mark.parametrize("text", ['x"); import os #', "\\", '"""', "{{ 7 * 7 }}", "\x1b[31m", "\u202e"])
def test_text_of_a_host_stays_text(text: str, tmp_path: Path) -> None:
    """Docstrings, defaults and names of a host cannot become code of the plugin, whatever they contain."""
    new_host(tmp_path / "app")
    source = tmp_path / "app" / "src" / "app"
    lines = f"""
class Plugin(Protocol):
    {text!r}
    def transform(self, text: str = {text!r}) -> str:
        {text!r}
"""
    (source / "contract.py").write_text(f"from typing import Protocol\n{lines}", "utf-8")
    (source / "hooks.py").write_text(f"import pluggy\nx = pluggy.PluginManager({text!r})\n", "utf-8")
    for name, style in (("app-a", "entry-points"), ("app-b", "pluggy")):
        made = new_plugin(tmp_path / name, host=str(tmp_path / "app"), group="app.plugins", style=style)  # type: ignore[arg-type]  # one of the four
        (module,) = made.directory.glob("src/*/__init__.py")
        tree = ast.parse(module.read_text("utf-8"))
        called = {ast.unparse(each.func) for each in ast.walk(tree) if isinstance(each, ast.Call)}
        assert called <= {"pluggy.HookimplMarker"}
        assert "os" not in {
            alias.name for each in ast.walk(tree) if isinstance(each, ast.Import) for alias in each.names
        }
        documents = [
            ast.get_docstring(each) for each in ast.walk(tree) if isinstance(each, ast.ClassDef | ast.FunctionDef)
        ]
        assert all(each is None or each.isprintable() for each in documents)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no FIFOs")
def test_fifo_in_a_host_is_not_opened(tmp_path: Path) -> None:
    """A file of a host that is not a regular file is not read: that could take forever."""
    new_host(tmp_path / "app")
    os.mkfifo(tmp_path / "app" / "src" / "app" / "pipe.py")
    new_plugin(tmp_path / "app-shout", host=str(tmp_path / "app"))


@pytest.mark.parametrize(("entry", "module"), [("2d", "plugin_2d"), ("class", "plugin_class"), ("a-b", "a_b")])
def test_module_of_a_plugin_can_be_imported(entry: str, module: str, tmp_path: Path) -> None:
    """Where the name of a plugin is not that of a module, its module has another name."""
    new_host(tmp_path / "app", style="namespace")
    made = new_plugin(tmp_path / f"app-{entry}", host=str(tmp_path / "app"))
    assert f"src/app_plugins/{module}/__init__.py" in made.files


def test_contract_of_a_dependency_has_no_stub(tmp_path: Path) -> None:
    """A contract that is not in the host's source is kept in the manifest, and a note says that there is no stub."""
    new_host(tmp_path / "app")
    file = tmp_path / "app" / "bundle.toml"
    file.write_text(file.read_text("utf-8").replace("app.contract:Plugin", "api.types:Plugin"), "utf-8")
    made = new_plugin(tmp_path / "app-shout", host=str(tmp_path / "app"))
    assert [note for note in made.notes if "not in the source of app" in note]
    assert 'contract = "api.types:Plugin"' in (made.directory / "bundle.toml").read_text("utf-8")


def test_contract_without_a_use_is_refused(tmp_path: Path) -> None:
    """A contract that would be ignored, for lack of a host or because the host uses pluggy, is refused."""
    new_host(tmp_path / "app", style="pluggy")
    for host in (None, str(tmp_path / "app")):
        with pytest.raises(FindingsError) as caught:
            new_plugin(tmp_path / "x", host=host, group="app.plugins", contract="app.contract:Plugin")
        assert caught.value.findings[0].message == "a contract cannot be used here"


def test_host_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    """A path with nothing at it is not taken for a requirement."""
    with pytest.raises(FindingsError) as caught:
        choose_host(str(tmp_path / "nothing"))
    assert "no such file" in caught.value.findings[0].message


ARTIFACT_MANIFEST = """
[bundle]
name = "app"
python = "3.12"
[host]
{source}
script = "app"
[extension-points."app.plugins"]
contract = "app.contract:Plugin"
"""


def _artifact(file: Path, source: str) -> Path:
    facts = {**FACTS, "manifest": {"text": ARTIFACT_MANIFEST.format(source=source)}}
    with file.open("wb") as stream:
        stream.write(b"program")
        card.append(stream, hashlib.sha256(b"program").digest(), facts, card.Payload())  # type: ignore[arg-type]  # as Facts
    return file


def test_artifact_stands_for_its_host(tmp_path: Path) -> None:
    """An artifact names its host in the version that is in it, with the contracts of its manifest."""
    chosen = choose_host(str(_artifact(tmp_path / "app", 'package = "app[web]>=0.5"')))
    assert (chosen.item, chosen.python, chosen.folder) == ("app[web]==1", "3.12", None)
    assert chosen.points["app.plugins"].contract == "app.contract:Plugin"


@pytest.mark.parametrize("source", ['path = "host"', 'package = "app @ git+https://host.example/app"'])
def test_artifact_of_a_local_host_does_not_stand_for_it(source: str, tmp_path: Path) -> None:
    """An artifact does not hold the project of a host that is not from an index."""
    with pytest.raises(ManifestError, match="cannot stand for this host"):
        choose_host(str(_artifact(tmp_path / "app", source)))
