from . import starter as starter
from .compile import (
    check as check,
    compile_into_package as compile_into_package,
    exists_for as exists_for,
    file_name as file_name,
    find as find,
    is_included as is_included,
    is_ready as is_ready,
)
from .compiler import Pinned as Pinned, pinned_compiler as pinned_compiler
from .pe import windowed as windowed
