from .file import (
    NOT_OURS as NOT_OURS,
    changed_packages as changed_packages,
    package_digests as package_digests,
    parse as parse,
    staleness as staleness,
)
from .resolution import (
    TOOLCHAIN_LEFT_OUT as TOOLCHAIN_LEFT_OUT,
    Lock as Lock,
    LockedPackage as LockedPackage,
    LockOptions as LockOptions,
    Pin as Pin,
    read as read,
    resolve as resolve,
)
