from .editing import (
    EditResult as EditResult,
    add_to_manifest as add_to_manifest,
    remove_from_manifest as remove_from_manifest,
)
from .events import (
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
from .machine import Examined as Examined, examine as examine
from .plugins import PluginStatus as PluginStatus, expect_plugins as expect_plugins, list_plugins as list_plugins
from .recipe import (
    bundle as bundle,
    generate as generate,
    plan as plan,
    prepare_run as prepare_run,
    update_lock as update_lock,
    vendor as vendor,
)
from .request import BuildRequest as BuildRequest
from .requirements import (
    ImportedBy as ImportedBy,
    TreeLine as TreeLine,
    Why as Why,
    explain as explain,
    locked_names as locked_names,
    show_tree as show_tree,
)
from .results import BuildResult as BuildResult, LockResult as LockResult, PlanResult as PlanResult
from .scripts import HostScripts as HostScripts, find_scripts as find_scripts
