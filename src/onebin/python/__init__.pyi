from . import uv as uv
from .discovery import (
    find as find,
    installed as installed,
    is_new_enough as is_new_enough,
    missing_library_hint as missing_library_hint,
)
from .failure import Failure as Failure
from .foreign.search import find_foreign as find_foreign, managed as managed
from .interpreter import ELSEWHERE as ELSEWHERE, Interpreter as Interpreter
from .limits import INDEXES as INDEXES, Limits as Limits, PackageSource as PackageSource
from .settings import ignored_settings as ignored_settings, source_of_indexes as source_of_indexes
from .subject import subject_of as subject_of
from .watching import GIT_PATIENCE as GIT_PATIENCE
