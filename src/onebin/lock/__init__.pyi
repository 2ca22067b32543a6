from .file import (
    NOT_OURS as NOT_OURS,
)
from .file import (
    changed_packages as changed_packages,
)
from .file import (
    package_digests as package_digests,
)
from .file import (
    parse as parse,
)
from .file import (
    staleness as staleness,
)
from .resolve import (
    TOOLCHAIN_LEFT_OUT as TOOLCHAIN_LEFT_OUT,
)
from .resolve import (
    Lock as Lock,
)
from .resolve import (
    LockedPackage as LockedPackage,
)
from .resolve import (
    LockOptions as LockOptions,
)
from .resolve import (
    Pin as Pin,
)
from .resolve import (
    read as read,
)
from .resolve import (
    resolve as resolve,
)
