from .compile import (
    carry as carry,
)
from .compile import (
    check as check,
)
from .compile import (
    exists_for as exists_for,
)
from .compile import (
    file_name as file_name,
)
from .compile import (
    find as find,
)
from .compile import (
    is_carried as is_carried,
)
