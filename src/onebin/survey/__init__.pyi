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
from .files import module_name as module_name, recorded_size as recorded_size
from .index import Survey as Survey, survey as survey
from .lookups import Lookups as Lookups, groups_asked_for as groups_asked_for, lookups_of as lookups_of
from .native import named_in as named_in
from .origins import (
    owner_of as owner_of,
    project_of as project_of,
    shown_place as shown_place,
    source_in as source_in,
)
from .requirements import (
    Declared as Declared,
    Demand as Demand,
    Demands as Demands,
    Targets as Targets,
    declared as declared,
    demands_of as demands_of,
    edges as edges,
    reached as reached,
    targets_of as targets_of,
)
from .syntax import (
    Import as Import,
    imports_of as imports_of,
    names_of as names_of,
    read_code as read_code,
)
