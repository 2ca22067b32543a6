"""Under which names a distribution looks plugins up, read in its source."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from onebin.survey import Lookups, lookups_of
from support.builders import distribution, survey

if TYPE_CHECKING:
    from pathlib import Path

GROUP = Lookups(groups=("demo.plugins",))
SPACE = Lookups(namespaces=("space",))


def found(folder: Path, *sources: str) -> Lookups:
    """Return what a host looks up whose modules have these sources; a plugin has a module in the namespace `space`."""
    for number, source in enumerate(sources):
        (folder / f"m{number}.py").write_text(source, "utf-8")
    modules = [f"m{number}" for number in range(len(sources))]
    host = distribution("demo", modules=modules, source="\n".join(sources), site_packages=folder)
    return lookups_of(host, survey(host, distribution("plug", modules=["space.plug"])))


@pytest.mark.parametrize(
    "source",
    [
        "from importlib.metadata import entry_points\nentry_points(group='demo.plugins')\n",
        "import importlib.metadata as m\nm.entry_points().select(group='demo.plugins')\n",
        "from importlib.metadata import entry_points\nentry_points()['demo.plugins']\n",
        "from importlib.metadata import entry_points\nentry_points().get('demo.plugins', ())\n",
        "from pkg_resources import iter_entry_points\niter_entry_points('demo.plugins')\n",
        "import pkg_resources\npkg_resources.get_entry_map('demo', 'demo.plugins')\n",
        "GROUP: str = 'demo.plugins'\nentry_points(group=GROUP)\n",
        "def load(group='demo.plugins'):\n    return entry_points(group=group)\n",
        "class Loader:\n    group = 'demo.plugins'\n    def load(self): entry_points(group=self.group)\n",
        "from m import x\nfor point in x():\n    if point.group == 'demo.plugins':\n        point.load()\n",
        "GROUPS = 1\nwanted = [p for p in x if p.group in ('demo.plugins', )]\n",
        "import pluggy\nm = pluggy.PluginManager('demo')\nm.load_setuptools_entrypoints('demo.plugins')\n",
        "import pluggy\nm = pluggy.PluginManager('demo.plugins')\nm.register(object())\n",
        "import stevedore\nstevedore.ExtensionManager('demo.plugins', invoke_on_load=True)\n",
        "from stevedore import driver\ndriver.DriverManager(namespace='demo.plugins', name='x')\n",
        "from stevedore.named import NamedExtensionManager\nNamedExtensionManager('demo.plugins', ['x'])\n",
    ],
)
def test_groups_are_read_from_calls_and_comparisons(tmp_path: Path, source: str) -> None:
    """A group is found as it is given to importlib.metadata, pkg_resources, pluggy and stevedore, or compared."""
    assert found(tmp_path, source) == GROUP


def test_group_may_be_a_constant_of_another_module(tmp_path: Path) -> None:
    """A constant in capitals is looked for in all modules of the distribution."""
    uses = "from . import m1\nentry_points(group=m1.PLUGINS)\n"
    assert found(tmp_path, uses, "OTHER = 'other.group'\nPLUGINS = 'demo.plugins'  # stable\n") == GROUP


@pytest.mark.parametrize(
    "source",
    [
        "import importlib\nimportlib.import_module(f'space.{name}')\n",
        "import importlib\nimportlib.import_module('space.' + name)\n",
        "import importlib\nimportlib.import_module('space.%s' % name)\n",
        "import importlib\nimportlib.import_module('space.{}'.format(name))\n",
        "import importlib\nSPACE = 'space'\nimportlib.import_module(f'{SPACE}.{name}')\n",
        "import importlib\nfull = f'space.{name}'\nimportlib.import_module(full)\n",
        "import pkgutil\nimport space\nfor each in pkgutil.iter_modules(space.__path__):\n    pass\n",
        "import pkgutil\nimport space\ndef names(x): pkgutil.walk_packages(x.__path__)\nnames(space)\n",
    ],
)
def test_namespace_packages_are_found(tmp_path: Path, source: str) -> None:
    """A namespace package is found where its modules are listed, or imported by a computed name."""
    assert found(tmp_path, source) == SPACE


def test_package_with_a_file_is_a_namespace_only_if_it_says_so(tmp_path: Path) -> None:
    """A regular package is not open to others; one that extends its path is."""
    (tmp_path / "own").mkdir()
    source = "import importlib\nimportlib.import_module(f'own.{name}')\n"
    (tmp_path / "demo.py").write_text(source, "utf-8")
    host = distribution("demo", modules=["demo", "own", "own.part"], source=source, site_packages=tmp_path)
    for text, names in [("", ()), ("__path__ = __import__('pkgutil').extend_path(__path__, __name__)\n", ("own",))]:
        (tmp_path / "own" / "__init__.py").write_text(text, "utf-8")
        (tmp_path / "own" / "part.py").write_text("", "utf-8")
        assert lookups_of(host, survey(host)).namespaces == names


def test_prefixes_are_found_where_modules_are_listed(tmp_path: Path) -> None:
    """A prefix counts where modules are listed, if it ends as a part of a name does."""
    source = "import pkgutil\nx = [m for m in pkgutil.iter_modules() if m.name.startswith('demo_')]\n"
    assert found(tmp_path, source) == Lookups(prefixes=("demo_",))
    assert not found(tmp_path, source.replace("demo_", "__"))
    assert not found(tmp_path, "x = 'demo_x'.startswith('demo_')\n")


@pytest.mark.parametrize(
    "source",
    [
        "entry_points(group='console_scripts')\n",
        "entry_points(group=group)\n",
        "match.group('demo.plugins')\n",
        "import importlib\nimportlib.import_module(name)\n",
        "import importlib\nimportlib.import_module(f'.{name}', __name__)\n",
        "import importlib\nimportlib.import_module(f'json.{name}')\n",
        "entry_points(group='demo.plugins'\n",
    ],
)
def test_other_code_looks_nothing_up(tmp_path: Path, source: str) -> None:
    """Scripts, unknown names, other methods, relative names, the standard library and broken code are not lookups."""
    assert not found(tmp_path, source)
