"""The commands of the orchard."""

import json
import sys

import onebin_runtime


def main():
    """Run the suite, press all fruits, or bruise one."""
    command = sys.argv[1:2]
    if command == ["suite"]:
        from orchard.suite import run

        print(json.dumps(run()))
        return 0
    if command == ["bruise"]:
        onebin_runtime.extension_point("orchard.fruits")["apple"]().bruise()
    if command == ["tender"]:
        print([name for name, _ in onebin_runtime.extension_point("orchard.tender").items()])
        print([error.name for error in onebin_runtime.failures()])
        return 0
    for name, fruit in onebin_runtime.extension_point("orchard.fruits").items():
        print(name, fruit().juice(1))
    return 0
