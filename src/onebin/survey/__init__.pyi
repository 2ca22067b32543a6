from .distribution import (
    RUNTIME as RUNTIME,
    SCRIPT_GROUPS as SCRIPT_GROUPS,
    Distribution as Distribution,
    EntryPoint as EntryPoint,
    importable as importable,
    roots as roots,
)
from .index import Survey as Survey, survey as survey
from .native import named_in as named_in
from .requirements import Targets as Targets, edges as edges, targets_of as targets_of
