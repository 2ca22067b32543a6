from .distribution import (
    RUNTIME as RUNTIME,
)
from .distribution import (
    SCRIPT_GROUPS as SCRIPT_GROUPS,
)
from .distribution import (
    Distribution as Distribution,
)
from .distribution import (
    EntryPoint as EntryPoint,
)
from .distribution import (
    importable as importable,
)
from .distribution import (
    roots as roots,
)
from .native import named_in as named_in
from .requirements import Targets as Targets
from .requirements import edges as edges
from .requirements import targets_of as targets_of
from .survey import Survey as Survey
from .survey import survey as survey
