from .events import (
    CellAdvanced as CellAdvanced,
    CellFinished as CellFinished,
    CellsQueued as CellsQueued,
    Detail as Detail,
    Event as Event,
    Events as Events,
    Note as Note,
    Output as Output,
    StepAdvanced as StepAdvanced,
    StepFinished as StepFinished,
    StepStarted as StepStarted,
    ignore as ignore,
    output as output,
    step as step,
)
from .failure import (
    ErrorFacts as ErrorFacts,
    Failure as Failure,
    FindingFacts as FindingFacts,
    failure_of as failure_of,
)
from .locking import update_lock as update_lock
from .machine import Examined as Examined, examine as examine
from .platforms import for_platform as for_platform, requests_for as requests_for, update_locks as update_locks
from .receipt import inputs_of as inputs_of, was_built_here as was_built_here
from .recipe import (
    bundle as bundle,
    check_locked as check_locked,
    generate as generate,
    plan as plan,
    prepare_run as prepare_run,
    survey_bundle as survey_bundle,
    vendor as vendor,
)
from .request import BuildRequest as BuildRequest
from .results import BuildResult as BuildResult, LockResult as LockResult, PlanResult as PlanResult
