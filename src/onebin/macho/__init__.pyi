from .checking import check_signature as check_signature
from .layout import (
    MachOError as MachOError,
    content_size as content_size,
    may_be_macho as may_be_macho,
    part_for as part_for,
)
from .paths import (
    Names as Names,
    change_names as change_names,
    is_of_system as is_of_system,
    names_of as names_of,
)
from .signing import (
    content_hash as content_hash,
    content_sha256 as content_sha256,
    pad as pad,
    sign as sign,
    unsign as unsign,
)
from .versions import oldest_system as oldest_system
