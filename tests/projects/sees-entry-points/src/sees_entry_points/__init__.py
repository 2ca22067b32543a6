"""Cause 1: entry points and metadata, asked in every style."""

import importlib.metadata
from pathlib import Path


def metadata():
    """Ask importlib.metadata in every style of call."""
    asked = importlib.metadata
    points = asked.entry_points(group="seer.plugins")
    return {
        "names": sorted(point.name for point in points),
        "loaded": sorted(point.load().word for point in points),
        "distributions": sorted((each.metadata["Name"], each.version) for each in asked.distributions()),
        "version": asked.version("Seer_Plugin"),
        "requires": sorted(asked.requires("seer") or ()),
        "summary": asked.metadata("seer")["Summary"],
        "files": sorted(str(file) for file in asked.files("seer") or () if "dist-info" not in str(file) and "bin" not in str(file)),
        "archived": {name: sorted(map(str, asked.files(name))) for name in ("pluggy", "stevedore", "importlib_metadata")},
        "one": [each.version for each in asked.distributions(name="seer-plugin")],
        "elsewhere": [each.version for each in asked.distributions(path=["/nowhere"])],
        "packages": {name: sorted(set(owners)) for name, owners in asked.packages_distributions().items() if "seer" in name},
        "missing": _raises(lambda: asked.version("not-there")),
        "path": Path(str(asked.distribution("seer").locate_file("seer/cli.py"))).read_text(encoding="utf-8"),
        "dist": sorted(point.dist.name for point in points),
    }


def backport():
    """Ask the backport of importlib.metadata."""
    import importlib_metadata as asked

    points = asked.entry_points(group="seer.plugins")
    return {
        "names": sorted(point.name for point in points),
        "loaded": sorted(point.load().word for point in points),
        "versions": sorted((each.metadata["Name"], each.version) for each in asked.distributions()),
        "version": asked.version("seer"),
    }


def pkg_resources():
    """Ask pkg_resources, as old hosts do."""
    import warnings

    warnings.simplefilter("ignore")
    import pkg_resources as asked

    return {
        "names": sorted(point.name for point in asked.iter_entry_points("seer.plugins")),
        "loaded": sorted(point.load().word for point in asked.iter_entry_points("seer.plugins")),
        "version": asked.get_distribution("seer-plugin").version,
        "required": sorted(each.project_name for each in asked.require("seer-plugin")),
        "resource": asked.resource_string("seer_plugin", "words.txt").decode(),
        "listed": sorted(name for name in asked.resource_listdir("seer_plugin", "") if not name.startswith("__pyc")),
        "file": Path(asked.resource_filename("seer_plugin", "words.txt")).read_text(encoding="utf-8"),
        "all": sorted(each.key for each in asked.working_set),
    }


def pluggy():
    """Load hooks by pluggy."""
    import pluggy as plug

    manager = plug.PluginManager("seer")
    loaded = manager.load_setuptools_entrypoints("seer")
    names = [(name, dist.project_name, dist.version) for (plugin, dist) in manager.list_plugin_distinfo() for name in [manager.get_name(plugin)]]
    return {"loaded": loaded, "plugins": names}


def stevedore():
    """Load plugins by every manager of stevedore."""
    from stevedore import DriverManager, EnabledExtensionManager, ExtensionManager, HookManager, NamedExtensionManager
    from stevedore.dispatch import DispatchExtensionManager, NameDispatchExtensionManager

    def is_wanted(extension, name="own"):
        return extension.name == name

    def word(extension, *_):
        return extension.plugin.word

    def words(manager):
        return sorted(extension.plugin.word for extension in manager)

    return {
        "all": words(ExtensionManager("seer.plugins")),
        "named": words(NamedExtensionManager("seer.plugins", ["extra"])),
        "driver": DriverManager("seer.plugins", "own").driver.word,
        "hook": words(HookManager("seer.plugins", "extra")),
        "enabled": words(EnabledExtensionManager("seer.plugins", is_wanted)),
        "dispatch": DispatchExtensionManager("seer.plugins", is_wanted).map(is_wanted, word),
        "name-dispatch": NameDispatchExtensionManager("seer.plugins", is_wanted).map(["own"], word),
    }


def _raises(function):
    try:
        function()
    except Exception as error:
        return type(error).__name__
    return None
