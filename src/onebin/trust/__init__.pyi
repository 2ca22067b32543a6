from .signature import (
    Signed as Signed,
    check_signature as check_signature,
    read_public_keys as read_public_keys,
    sign_artifact as sign_artifact,
)
from .vulnerabilities import Audit as Audit, audit as audit
