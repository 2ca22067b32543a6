from .answers import (
    Answers as Answers,
    Installation as Installation,
    InstallationQuestion as InstallationQuestion,
    Outcome as Outcome,
    PluginQuestion as PluginQuestion,
    Questions as Questions,
    comparable as comparable,
    portable as portable,
    read_answers as read_answers,
)
from .contents import Content as Content, contents_of as contents_of
from .difference import (
    Change as Change,
    Difference as Difference,
    FileChange as FileChange,
    Sides as Sides,
    Sizes as Sizes,
    changed_files as changed_files,
    changes as changes,
    diff as diff,
    sides as sides,
)
from .facts import (
    AcceptedSideCars as AcceptedSideCars,
    BuildFacts as BuildFacts,
    Description as Description,
    DistributionFacts as DistributionFacts,
    Facts as Facts,
    FileFacts as FileFacts,
    GlibcNeed as GlibcNeed,
    HostFacts as HostFacts,
    InterpreterFacts as InterpreterFacts,
    LauncherFacts as LauncherFacts,
    LibcFacts as LibcFacts,
    MacosFacts as MacosFacts,
    ModuleFacts as ModuleFacts,
    PluginFacts as PluginFacts,
    ProgramFacts as ProgramFacts,
    Release as Release,
    SizeRow as SizeRow,
    SystemFacts as SystemFacts,
    VerifiedFacts as VerifiedFacts,
    part as part,
)
from .file import (
    TRAILER as TRAILER,
    Payload as Payload,
    append as append,
    check as check,
    compress as compress,
    located as located,
    payload_of as payload_of,
    read as read,
    tools as tools,
)
from .onedir import verify_onedir as verify_onedir
from .owners import (
    BOOTLOADER as BOOTLOADER,
    C_LIBRARY as C_LIBRARY,
    DISTRIBUTION as DISTRIBUTION,
    INTERPRETER as INTERPRETER,
    LAUNCHER as LAUNCHER,
    MANIFEST as MANIFEST,
    ONEBIN as ONEBIN,
    OTHER_LICENCES as OTHER_LICENCES,
    SYSTEM as SYSTEM,
    other_licences as other_licences,
)
from .report import Inspected as Inspected, Report as Report, digest as digest, inspect as inspect
from .schemas import schema_of as schema_of
