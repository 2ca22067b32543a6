from .cache import Entry as Entry, cache_entries as cache_entries, remove_logs as remove_logs
from .card import (
    Change as Change,
    Difference as Difference,
    Facts as Facts,
    Inspected as Inspected,
    LibcFacts as LibcFacts,
    PluginFacts as PluginFacts,
    Report as Report,
    diff as diff,
    inspect as inspect,
    other_licences as other_licences,
)
from .errors import Finding as Finding, FindingsError as FindingsError, OnebinError as OnebinError
from .manifest import (
    Edited as Edited,
    Manifest as Manifest,
    add_plugins as add_plugins,
    create_manifest as create_manifest,
    remove_plugins as remove_plugins,
)
from .measure import Costs as Costs, Import as Import, ImportTimes as ImportTimes, OwnerSize as OwnerSize
from .pipeline import (
    BuildRequest as BuildRequest,
    BuildResult as BuildResult,
    Detail as Detail,
    EditResult as EditResult,
    ErrorFacts as ErrorFacts,
    Event as Event,
    Events as Events,
    Examined as Examined,
    Failure as Failure,
    HostScripts as HostScripts,
    ImportedBy as ImportedBy,
    LockResult as LockResult,
    Note as Note,
    Output as Output,
    PlanResult as PlanResult,
    PluginStatus as PluginStatus,
    StepAdvanced as StepAdvanced,
    StepFinished as StepFinished,
    StepStarted as StepStarted,
    TreeLine as TreeLine,
    Why as Why,
    add_to_manifest as add_to_manifest,
    bundle as bundle,
    examine as examine,
    expect_plugins as expect_plugins,
    explain as explain,
    failure_of as failure_of,
    find_scripts as find_scripts,
    generate as generate,
    list_plugins as list_plugins,
    locked_names as locked_names,
    plan as plan,
    prepare_run as prepare_run,
    remove_from_manifest as remove_from_manifest,
    show_tree as show_tree,
    update_lock as update_lock,
    vendor as vendor,
)
from .python import PackageSource as PackageSource
from .rebuild import LocalPath as LocalPath, Recovered as Recovered, recover as recover, reproduce as reproduce
from .system import from_json as from_json, to_json as to_json
from .trust import Audit as Audit, Signed as Signed, audit as audit, sign_artifact as sign_artifact
from .verify import Verified as Verified, verify as verify
from .wheelhouse import VendorResult as VendorResult
from .workspace import Workspace as Workspace

__version__: str
