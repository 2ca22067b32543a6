from .distribution import (
    RUNTIME as RUNTIME,
    Distribution as Distribution,
    importable as importable,
    roots as roots,
)
from .entry_points import (
    SCRIPT_GROUPS as SCRIPT_GROUPS,
    EntryPoint as EntryPoint,
    read_entry_points as read_entry_points,
)
from .files import module_name as module_name
from .index import Survey as Survey, survey as survey
from .native import named_in as named_in
from .requirements import Targets as Targets, edges as edges, targets_of as targets_of
from .syntax import read_code as read_code
