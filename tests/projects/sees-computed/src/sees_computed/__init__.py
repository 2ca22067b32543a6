"""Cause 3: imports by names that no literal spells out."""

import importlib

ENGINE = "sees_computed.engine.Engine"


def computed():
    """Import by names that no literal spells out."""
    module, _, name = ENGINE.rpartition(".")
    return {
        "import_module": importlib.import_module(".".join(["sees_computed", "lazy", f"hidden_{40 + 2}"])).VALUE,
        "__import__": __import__("sees_computed.lazy.hidden_" + str(42), fromlist=["VALUE"]).VALUE,
        "setting": getattr(importlib.import_module(module), name).name,
    }
