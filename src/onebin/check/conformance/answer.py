"""Answer in the stage whether plugins fit their contracts.

Reads from standard input, as JSON:

    {"contracts": [{"group": ..., "value": "module:Name", "provides": "factory" | "instance" | null}, ...],
     "symbols": [{"plugin": ..., "group": ..., "name": ..., "value": "module:attribute"}, ...],
     "skip": {step: reason, ...}}        steps to leave out, because they end the process

Writes to standard output a line `?step` before each step, which shows which step ended the process, and finally, as
JSON in a line that begins with `=`:

    {"contracts": [{"group", "provides", "members", "error"}, ...],
     "symbols": [{"plugin", "group", "name", "where", "error", "violations": [...]}, ...]}

Whatever imported code prints goes to standard error.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
from functools import partial, reduce
from typing import TYPE_CHECKING, Any

from .contract import Contract
from .sources import place_of, place_of_member

if TYPE_CHECKING:
    from collections.abc import Callable


def main() -> int:
    """Answer the questions on standard input."""
    asked = json.load(sys.stdin)
    sys.argv[1:] = []
    write = _divert_output()
    contracts: dict[str, Contract] = {}
    answers: dict[str, list[dict[str, Any]]] = {"contracts": [], "symbols": []}
    for each in asked["contracts"]:
        step = f"contract {each['group']}"
        error = _step(step, asked["skip"], write, partial(_read_contract, each, contracts))
        read = contracts.get(each["group"])
        answers["contracts"].append(
            {
                "group": each["group"],
                "provides": read and read.provides,
                "members": [member.name for member in read.members] if read else [],
                "error": error,
            }
        )
    for each in asked["symbols"]:
        if each["group"] in contracts:
            answer = {**{key: each[key] for key in ("plugin", "group", "name")}, "where": None, "violations": []}
            step = f"symbol {each['plugin']} {each['group']} {each['name']}"
            error = _step(step, asked["skip"], write, partial(_judge, each, answer, contracts))
            answers["symbols"].append({**answer, "error": error})
    write("=" + json.dumps(answers))
    return 0


def _step(step: str, skip: dict[str, str], write: Callable[[str], None], action: Callable[[], None]) -> str | None:
    """Take a step, and return why it failed, or None."""
    if step in skip:
        return skip[step]
    write("?" + json.dumps(step))
    try:
        action()
    except BaseException as error:  # noqa: BLE001  # plugins call sys.exit and worse while they are imported
        try:
            return f"{type(error).__name__}: {error}"
        except Exception:  # noqa: BLE001  # a plugin's own exception may fail to print itself
            return type(error).__name__
    return None


def _read_contract(each: dict[str, Any], contracts: dict[str, Contract]) -> None:
    contracts[each["group"]] = Contract(_load(each["value"]), each["provides"])


def _judge(each: dict[str, Any], answer: dict[str, Any], contracts: dict[str, Contract]) -> None:
    symbol = _load(each["value"])
    module, _, attribute = each["value"].partition("[")[0].partition(":")
    holder = importlib.import_module(module.strip())
    where = place_of(symbol) or place_of_member(holder, attribute.strip()) or place_of(holder)
    violations = list(contracts[each["group"]].violations(symbol))
    answer["where"] = where
    answer["violations"] = [{**each._asdict(), "where": each.where or where} for each in violations]


def _load(value: str) -> Any:
    """Return the object that "module:attribute" names (specification on entry points; extras are ignored)."""
    module, _, attribute = value.partition("[")[0].partition(":")
    return reduce(getattr, filter(None, attribute.strip().split(".")), importlib.import_module(module.strip()))


def _divert_output() -> Callable[[str], None]:
    """Keep standard output for answers: whatever imported code prints, even from C, goes to standard error."""
    sys.stdout.flush()
    answers = os.dup(1)
    os.dup2(2, 1)

    def write(line: str) -> None:
        content = line.encode() + b"\n"
        while content:  # a pipe may not take everything at once
            content = content[os.write(answers, content) :]

    return write
