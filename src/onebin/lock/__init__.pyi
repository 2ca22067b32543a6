from .choices import (
    cached_releases as cached_releases,
    newest_releases as newest_releases,
    releases as releases,
)
from .conflict import Held as Held, explain as explain
from .file import (
    INVALID as INVALID,
    SUPPORTED_PYINSTALLER as SUPPORTED_PYINSTALLER,
    changed_packages as changed_packages,
    package_digests as package_digests,
    parse as parse,
    staleness as staleness,
)
from .lock import (
    Lock as Lock,
    LockedPackage as LockedPackage,
    Pin as Pin,
    interpreter_of as interpreter_of,
    package_changes as package_changes,
    read as read,
)
from .names import unknown_names as unknown_names
from .resolution import (
    TOOLCHAIN_LEFT_OUT as TOOLCHAIN_LEFT_OUT,
    LockOptions as LockOptions,
    host_requirement as host_requirement,
    resolve as resolve,
)
from .sources import ANY as ANY
