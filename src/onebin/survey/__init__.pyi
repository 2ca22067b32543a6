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
from .origins import owner_of as owner_of, project_of as project_of, shown_place as shown_place
from .requirements import Targets as Targets, edges as edges, targets_of as targets_of
