"""The command line: the name of a command, and its arguments."""

import json
import sys
from importlib.metadata import entry_points

COMMANDS = {}


def command(function):
    """Add a function as a command that is named like it."""
    COMMANDS[function.__name__] = function
    return function


def main():
    """Run a command; for anything that is not the name of one, print the arguments."""
    from toolbox import children, restart  # noqa: F401  # they define commands

    name, *arguments = sys.argv[1:] or ["tools"]
    if name not in COMMANDS:
        print("arguments", sys.argv[1:])
        return 0
    return COMMANDS[name](*arguments)


def other():
    """Print the arguments of the second script."""
    print("the other script got", sys.argv[1:])


@command
def tools(*arguments):
    """List the tools of all plugins."""
    print(sorted(loaded()), *arguments)


@command
def tool(name, *arguments):
    """Print what a tool returns."""
    print(loaded()[name](*arguments))


@command
def do(text, *_arguments):
    """Run the user's code."""
    exec(compile(text, "<the user's code>", "exec"), {"__name__": "user", "tools": loaded})


@command
def script(file, *_arguments):
    """Run the user's file."""
    from runpy import run_path

    run_path(file, run_name="user")


@command
def console():
    """Read the user's statements from standard input, with the tools as names."""
    import code

    code.interact(banner="", local=loaded(), exitmsg="")


@command
def log(file):
    """Log a line as a configuration file says."""
    import logging.config

    with open(file, encoding="utf-8") as stream:
        logging.config.dictConfig(json.load(stream))
    logging.getLogger("toolbox").warning("the tools are %s", sorted(loaded()))


@command
def folder(path):
    """Load each module in a folder, and print the value of its function `run`."""
    import importlib.util
    import pkgutil

    for finder, name, _ in pkgutil.iter_modules([path]):
        spec = finder.find_spec(name)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        print(name, module.run())


@command
def test(name):
    """Run a module of the host's own package `test`, and print a file of that."""
    import importlib
    import importlib.resources

    print(importlib.import_module(f"toolbox.test.{name}").run())
    print(importlib.resources.files("toolbox").joinpath("test", "template.txt").read_text())


@command
def crash():
    """Raise an exception whose traceback has frames of the host, a dependency, and the standard library."""
    loaded()["crash"](json.loads, "{")


@command
def see():
    """Print everything that the process can see of its installation and its start."""
    from toolbox.see import everything

    print(json.dumps(everything(), sort_keys=True))


def loaded():
    """Return the tools of all plugins by name."""
    return {point.name: point.load() for point in entry_points(group="toolbox.tools")}
