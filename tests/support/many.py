"""A host and any number of plugins, as real wheels beside a manifest that bundles them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .wheels import make_wheel

if TYPE_CHECKING:
    from pathlib import Path

GROUP = "load.plugins"

HOST = f'''
"""A host that says what it is asked: nothing, one plugin, all of them, or how long it takes to find them."""

import sys


def main():
    """Do what the first argument says."""
    wanted = sys.argv[1:] or ["nothing"]
    if wanted[0] == "nothing":
        print("ready")
        return 0
    import time
    from importlib.metadata import entry_points

    if wanted[0] == "time":
        began = time.process_time()
        found = len(list(entry_points(group="{GROUP}")))
        print(found, time.process_time() - began)
        return 0
    points = {{point.name: point for point in entry_points(group="{GROUP}")}}
    for name in wanted[1:] or sorted(points):
        print(name, points[name].load()())
    print("imported", sum(name.startswith("load_plug_") for name in sys.modules))
    return 0
'''

PLUGIN = '''
"""Plugin number {number}."""

NUMBER = {number}


def answer():
    """Return the plugin's number."""
    return NUMBER
'''


def plugin_name(number: int) -> str:
    """Return the name of a plugin; names sort in the order of their numbers."""
    return f"load-plug-{number:05}"


def write_many(folder: Path, count: int) -> Path:
    """Write a host, `count` plugins with an entry point each, and the manifest `folder/bundle.toml`; return it.

    Existing wheels are kept, so that a larger bundle reuses those of a smaller one.
    """
    wheels = folder / "wheels"
    host = wheels / "load_host-1.0.0-py3-none-any.whl"
    if not host.exists():
        script = "[console_scripts]\nload-host = load_host:main\n"
        make_wheel(wheels, "load-host", files={"load_host.py": HOST}, entry_points=script)
    rows = []
    for number in range(count):
        name = plugin_name(number)
        module = name.replace("-", "_")
        if not (wheels / f"{module}-1.0.0-py3-none-any.whl").exists():
            files = {f"{module}/__init__.py": PLUGIN.format(number=number)}
            point = f"[{GROUP}]\nplug{number:05} = {module}:answer\n"
            make_wheel(wheels, name, files=files, entry_points=point, requires=["load-host"])
        rows.append(f'{name} = {{ path = "wheels/{module}-1.0.0-py3-none-any.whl" }}')
    head = '[bundle]\nname = "many"\n\n[host]\npath = "wheels/load_host-1.0.0-py3-none-any.whl"\nscript = "load-host"\n'
    manifest = folder / "bundle.toml"
    manifest.write_text("\n".join([head, "[plugins]", *rows, ""]), "utf-8")
    return manifest
