"""A job: one cell to be built, as plain data that is sent to whoever builds it.

It names what it needs: the store and the objects in it, never a folder of the sender, unless it stays on this machine.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from onebin.farm.results import Outcome

Wanted = Callable[[], bool]


@dataclass(frozen=True, kw_only=True)
class Doing:
    """What is done for a job: the step of its build, and what that does, as in the event StepAdvanced.

    `worker` is the name or address of who does it; "" is this machine.
    """

    step: str
    doing: str = ""
    is_waiting: bool = False
    worker: str = ""


Tell = Callable[[Doing], None]
TellOf = Callable[[str, Doing | None], None]  # by the name of the cell; None: it waits to be built again


@dataclass(frozen=True, kw_only=True)
class Job:
    """One cell to be built: the request for it as JSON values, its inputs by their digests, and the store.

    `sources` is the object with the files that the request names, and `lock` that of its lock; both are empty if the
    request's own files are to be used. `identity` is the store's: a folder of the same name may be another one.
    """

    cell: str
    key: str
    platform: str
    request: Mapping[str, Any] = field(default_factory=dict, repr=False)
    inputs: Mapping[str, str] = field(default_factory=dict, repr=False)
    store: str = ""
    identity: str = ""
    sources: str = ""
    lock: str = ""


# What an engine calls for each job, wherever that is: it asks now and then whether the result is still wanted, and
# tells what it does. It is a function of an installed module, so only its name travels.
Work = Callable[[Job, Wanted, Tell], Outcome]
