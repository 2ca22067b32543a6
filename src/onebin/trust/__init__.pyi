from .audit import Audit as Audit
from .audit import audit as audit
from .audit import of_artifact as of_artifact
from .audit import of_lock as of_lock
from .osv import read_advisories as read_advisories
from .signature import (
    check_signature as check_signature,
)
from .signature import (
    fingerprint as fingerprint,
)
from .signature import (
    read_private_key as read_private_key,
)
from .signature import (
    read_public_keys as read_public_keys,
)
from .signature import (
    sign as sign,
)
