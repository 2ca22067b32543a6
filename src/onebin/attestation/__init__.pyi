from .attesting import (
    Attested as Attested,
    Attestor as Attestor,
    attest as attest,
    attest_with as attest_with,
    provenance_file as provenance_file,
)
from .checking import (
    Provenance as Provenance,
    builder_of as builder_of,
    check_provenance as check_provenance,
    read_provenance as read_provenance,
)
from .envelope import read_envelope as read_envelope
from .indexes import Attestation as Attestation, ask_indexes as ask_indexes
