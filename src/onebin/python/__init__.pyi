from . import uv as uv
from .interpreter import (
    Interpreter as Interpreter,
)
from .interpreter import (
    find as find,
)
from .interpreter import (
    installed as installed,
)
from .interpreter import (
    is_new_enough as is_new_enough,
)
from .interpreter import (
    missing_library_hint as missing_library_hint,
)
from .uv import INDEXES as INDEXES
from .uv import Failure as Failure
from .uv import PackageSource as PackageSource
