"""`onebin doctor`: examine this machine."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

import onebin
from onebin.cli import options
from onebin.cli.page import one_line, show
from onebin.cli.report import echo, print_json
from onebin.errors import OnebinError
from onebin.workspace import default_cache_dir


@click.command(epilog="Example: onebin doctor --json")
@options.with_json
def doctor(*, as_json: bool) -> int:
    """Examine this machine: interpreters, uv, launcher, disk.

    Exits with 1 if a build would fail here.
    """
    examined = onebin.examine(default_cache_dir(), Path.cwd(), options.slow_steps(quiet=as_json))
    if as_json:
        print_json([asdict(each) for each in examined])
    else:
        for each in examined:
            mark = ("ok", "green") if each.ok else ("wrong", "red") if each.needed else ("unfit", "yellow")
            show([f"{click.style(f'{mark[0]:<6}', fg=mark[1])} {one_line(f'{each.name:<14} {each.found}')}"])
            if each.remedy:
                echo(f"       {each.remedy}")
    return 0 if all(each.ok for each in examined if each.needed) else OnebinError.exit_code
