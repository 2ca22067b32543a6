"""The facts on the card of a small artifact."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from onebin.card import AcceptedSideCars, Facts

SIDE_CARS: AcceptedSideCars = {
    "directory": "x.plugins",
    "keys": {},
    "revocation_keys": {},
    "load": "start",
    "isolate": False,
    "minimum": {},
    "development": None,
}

FACTS: Facts = {
    "bundle": {"name": "x"},
    "onebin": "1.0",
    "host": {"name": "grüße", "version": "1", "entry": "a:b"},
    "plugins": [],
    "distributions": [
        {
            "name": "x",
            "version": "1",
            "source": "index",
            "sha256": ["3" * 64],
            "requires": [],
            "licences": ["MIT"],
            "licences_from": "License",
            "licence_files": [],
        }
    ],
    "sbom": {},
    "interpreter": {"implementation": "CPython", "version": "3.12.1", "platform": "linux-x86_64"},
    "toolchain": [],
    "libc": {"kind": "system", "glibc": "2.28", "because": []},
    "verified": {"stage": "natively", "artifact": "natively"},
    "side_cars": None,
    "sizes": [{"owner": "x", "kind": "distribution", "files": 1, "bytes": 2, "in_file": 1}],
    "layout": "cached",
    "build": {"moment": 0, "compression": 3, "tools": [{"name": "zstandard", "version": "0.25.0"}]},
    "launcher": {"bytes": 1, "sha256": "0" * 64},
    "files": [{"path": "x", "owner": "bootloader", "bytes": 1, "sha256": "1" * 64}],
    "modules": [{"name": "x.y", "owner": "x", "bytes": 1, "sha256": "2" * 64}],
    "lock": {"sha256": "0" * 64, "text": "lock"},
    "manifest": {"text": "manifest"},
    "questions": {
        "host": "a:b",
        "distributions": [],
        "plugins": [],
        "modules": [],
        "data": [],
        "installation": {"excluded": [], "module": "x", "methods": ["spawn"], "distributions": ["x"]},
        "skip": {},
    },
    "answers": {
        "host": [{"name": "a:b", "result": ["x"]}],
        "distributions": {"where": "1"},
        "entry_points": [("a", "b", "c", "d")],
        "groups": ["b"],
        "loads": [],
        "plugins": [],
        "modules": [],
        "data": [],
        "installation": {"environment": {"prefix": "same"}, "children": {}, "files": {}, "modules": {"x": ["x.y"]}},
    },
}
