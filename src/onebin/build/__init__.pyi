from .events import (
    Detail as Detail,
)
from .events import (
    Event as Event,
)
from .events import (
    Events as Events,
)
from .events import (
    Note as Note,
)
from .events import (
    Output as Output,
)
from .events import (
    StepFinished as StepFinished,
)
from .events import (
    StepStarted as StepStarted,
)
from .events import (
    ignore as ignore,
)
from .events import (
    output as output,
)
from .events import (
    step as step,
)
from .pipeline import bundle as bundle
from .pipeline import generate as generate
from .pipeline import plan as plan
from .pipeline import prepare_run as prepare_run
from .request import BuildRequest as BuildRequest
from .request import BuildResult as BuildResult
from .request import PlanResult as PlanResult
