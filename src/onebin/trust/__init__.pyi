from .keys import (
    fingerprint as fingerprint,
    fingerprints_in as fingerprints_in,
    public_line as public_line,
    read_private_key as read_private_key,
    read_public_key as read_public_key,
    read_public_keys as read_public_keys,
)
from .message import sign_message as sign_message, signer_of as signer_of
from .signature import (
    Signed as Signed,
    check_signature as check_signature,
    sign_artifact as sign_artifact,
    signed_text as signed_text,
)
from .vulnerabilities import Audit as Audit, audit as audit
