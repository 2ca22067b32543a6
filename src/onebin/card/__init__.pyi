from .answers import (
    Answers as Answers,
)
from .answers import (
    Outcome as Outcome,
)
from .answers import (
    PluginQuestion as PluginQuestion,
)
from .answers import (
    Questions as Questions,
)
from .answers import (
    comparable as comparable,
)
from .answers import (
    portable as portable,
)
from .answers import (
    read_answers as read_answers,
)
from .diff import (
    Change as Change,
)
from .diff import (
    Difference as Difference,
)
from .diff import (
    FileChange as FileChange,
)
from .diff import (
    changed_files as changed_files,
)
from .diff import (
    compare as compare,
)
from .facts import (
    BuildFacts as BuildFacts,
)
from .facts import (
    Description as Description,
)
from .facts import (
    DistributionFacts as DistributionFacts,
)
from .facts import (
    Facts as Facts,
)
from .facts import (
    FileFacts as FileFacts,
)
from .facts import (
    GlibcNeed as GlibcNeed,
)
from .facts import (
    HostFacts as HostFacts,
)
from .facts import (
    LauncherFacts as LauncherFacts,
)
from .facts import (
    LibcFacts as LibcFacts,
)
from .facts import (
    ModuleFacts as ModuleFacts,
)
from .facts import (
    PluginFacts as PluginFacts,
)
from .facts import (
    Release as Release,
)
from .facts import (
    SizeRow as SizeRow,
)
from .file import Payload as Payload
from .file import append as append
from .file import check as check
from .file import located as located
from .file import read as read
from .file import tools as tools
from .onedir import verify_onedir as verify_onedir
from .owners import (
    BESIDE as BESIDE,
)
from .owners import (
    BOOT_LOADER as BOOT_LOADER,
)
from .owners import (
    C_LIBRARY as C_LIBRARY,
)
from .owners import (
    CONTENTS as CONTENTS,
)
from .owners import (
    DISTRIBUTION as DISTRIBUTION,
)
from .owners import (
    INTERPRETER as INTERPRETER,
)
from .owners import (
    LAUNCHER as LAUNCHER,
)
from .owners import (
    MANIFEST as MANIFEST,
)
from .owners import (
    ONEBIN as ONEBIN,
)
from .owners import (
    SYSTEM as SYSTEM,
)
from .report import Inspected as Inspected
from .report import Report as Report
from .report import digest as digest
from .report import inspect as inspect
