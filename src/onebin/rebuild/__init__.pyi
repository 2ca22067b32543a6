from .needs import check_lock as check_lock, check_sources as check_sources, interpreter_for as interpreter_for
from .recovery import (
    LocalPath as LocalPath,
    Recovered as Recovered,
    local_paths as local_paths,
    lock_data as lock_data,
    lock_text as lock_text,
    recover as recover,
)
from .reproduction import reproduce as reproduce
