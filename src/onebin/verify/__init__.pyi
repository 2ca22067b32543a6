from .compare import Verified as Verified
from .compare import compare_lock as compare_lock
from .compare import quick as quick
from .compare import verify as verify
from .smoke import compare_commands as compare_commands
from .smoke import staged_command as staged_command
