"""Cause 2: modules that are found by their names: namespaces, folders, prefixes."""

import builtins
import glob
import importlib
import importlib.resources
import importlib.util
import os
import pkgutil
from pathlib import Path


def names():
    """Discover modules by name, in folders, and by prefix."""
    import seer_plugins

    from sees_names import parts

    folder = os.path.dirname(parts.__file__)
    return {
        "builtins": sorted(name for name in dir(builtins) if not name.startswith("_")),
        "namespace": sorted(module.name for module in pkgutil.iter_modules(seer_plugins.__path__, "seer_plugins.")),
        "namespace-imported": [importlib.import_module(f"seer_plugins.{name}").__doc__ for name in ("alpha", "beta")],
        "walked": sorted(module.name for module in pkgutil.walk_packages([os.path.dirname(folder)], "sees_names.")),
        "prefix": sorted(module.name for module in pkgutil.iter_modules() if module.name.startswith(("seer", "sees"))),
        "listed": sorted(name for name in os.listdir(folder) if name.endswith(".py")),
        "globbed": sorted(os.path.basename(name) for name in glob.glob(os.path.join(folder, "*.py"))),
        "iterated": sorted(path.name for path in Path(parts.__file__).parent.iterdir() if path.suffix == ".py"),
        "traversed": sorted(entry.name for entry in importlib.resources.files("sees_names.parts").iterdir() if entry.name.endswith(".py")),
        "found": importlib.util.find_spec("sees_names.parts.two") is not None,
    }
