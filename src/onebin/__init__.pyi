from .attestation import (
    Attested as Attested,
    Attestor as Attestor,
    Provenance as Provenance,
    attest as attest,
    check_provenance as check_provenance,
)
from .bisect import (
    BisectRequest as BisectRequest,
    Culprit as Culprit,
    PluginBisection as PluginBisection,
    Trial as Trial,
    VersionBisection as VersionBisection,
    bisect_plugins as bisect_plugins,
    bisect_versions as bisect_versions,
)
from .cache import KINDS as KINDS, Entry as Entry, cache_entries as cache_entries, remove_logs as remove_logs
from .card import (
    AcceptedSideCars as AcceptedSideCars,
    Change as Change,
    Difference as Difference,
    Facts as Facts,
    Inspected as Inspected,
    LibcFacts as LibcFacts,
    MacosFacts as MacosFacts,
    PluginFacts as PluginFacts,
    Report as Report,
    diff as diff,
    inspect as inspect,
    other_licences as other_licences,
)
from .catalogue import (
    Catalogue as Catalogue,
    CatalogueRequest as CatalogueRequest,
    CatalogueResult as CatalogueResult,
    CheckedOrder as CheckedOrder,
    HostOffer as HostOffer,
    Order as Order,
    PluginOffer as PluginOffer,
    check_catalogue as check_catalogue,
)
from .client import (
    Fetched as Fetched,
    FetchRequest as FetchRequest,
    ServiceClient as ServiceClient,
    Upgraded as Upgraded,
    UpgradeRequest as UpgradeRequest,
    VersionChange as VersionChange,
    fetch as fetch,
    upgrade as upgrade,
)
from .errors import Finding as Finding, FindingsError as FindingsError, OnebinError as OnebinError
from .farm import (
    Cell as Cell,
    CellResult as CellResult,
    MatrixRequest as MatrixRequest,
    MatrixResult as MatrixResult,
    build_matrix as build_matrix,
    cells_of as cells_of,
    default_store as default_store,
    github_matrix as github_matrix,
)
from .lint import LintRequest as LintRequest, LintResult as LintResult, lint as lint
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
    CellAdvanced as CellAdvanced,
    CellFinished as CellFinished,
    CellsQueued as CellsQueued,
    Detail as Detail,
    ErrorFacts as ErrorFacts,
    Event as Event,
    Events as Events,
    Examined as Examined,
    Failure as Failure,
    LockResult as LockResult,
    Note as Note,
    Output as Output,
    PlanResult as PlanResult,
    StepAdvanced as StepAdvanced,
    StepFinished as StepFinished,
    StepStarted as StepStarted,
    bundle as bundle,
    examine as examine,
    failure_of as failure_of,
    generate as generate,
    plan as plan,
    prepare_run as prepare_run,
    requests_for as requests_for,
    update_lock as update_lock,
    update_locks as update_locks,
    vendor as vendor,
    was_built_here as was_built_here,
)
from .platforms import PLATFORMS as PLATFORMS, Platform as Platform, parse_platform as parse_platform
from .python import PackageSource as PackageSource
from .rebuild import LocalPath as LocalPath, Recovered as Recovered, recover as recover, reproduce as reproduce
from .report import ArtifactReport as ArtifactReport, render_report as render_report, report_on as report_on
from .scaffold import NewProject as NewProject, Style as Style, new_host as new_host, new_plugin as new_plugin
from .service import (
    LOOPBACK as LOOPBACK,
    ServiceLimits as ServiceLimits,
    ServiceSettings as ServiceSettings,
    Serving as Serving,
    serve as serve,
)
from .sidecar import (
    Beside as Beside,
    Packed as Packed,
    PackRequest as PackRequest,
    RevocationRequest as RevocationRequest,
    Revoked as Revoked,
    SideCarDifference as SideCarDifference,
    SideCarFacts as SideCarFacts,
    SideCarReport as SideCarReport,
    SigningKey as SigningKey,
    VerifiedSideCar as VerifiedSideCar,
    development_key as development_key,
    diff_side_cars as diff_side_cars,
    inspect_side_car as inspect_side_car,
    is_side_car as is_side_car,
    pack_plugin as pack_plugin,
    revoke as revoke,
    side_cars_of as side_cars_of,
    signing_key as signing_key,
    verify_side_car as verify_side_car,
)
from .system import from_json as from_json, to_json as to_json
from .trust import (
    Audit as Audit,
    Signed as Signed,
    audit as audit,
    fingerprints_in as fingerprints_in,
    sign_artifact as sign_artifact,
)
from .upkeep import (
    EditResult as EditResult,
    HostScripts as HostScripts,
    ImportedBy as ImportedBy,
    PluginStatus as PluginStatus,
    TreeLine as TreeLine,
    Why as Why,
    add_to_manifest as add_to_manifest,
    explain as explain,
    find_scripts as find_scripts,
    list_plugins as list_plugins,
    locked_names as locked_names,
    look_up as look_up,
    remove_from_manifest as remove_from_manifest,
    show_tree as show_tree,
)
from .verify import Verified as Verified, verify as verify
from .watch import Watcher as Watcher
from .wheelhouse import VendorResult as VendorResult
from .workspace import Workspace as Workspace

__version__: str
