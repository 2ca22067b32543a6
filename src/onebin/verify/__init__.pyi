from .artifact import Verified as Verified, check_origin as check_origin, verify as verify
from .compare import compare_with_stage as compare_with_stage
from .smoke import (
    compare_commands as compare_commands,
    staged_command as staged_command,
    write_script as write_script,
)
from .structure import check_structure as check_structure
