from .atomic import exchange as exchange
from .atomic import write_atomic as write_atomic
from .credentials import login_for as login_for
from .credentials import redact as redact
from .credentials import without_login as without_login
from .digest import (
    ignored_below as ignored_below,
)
from .digest import (
    sha256_of as sha256_of,
)
from .digest import (
    sha256_of_entry as sha256_of_entry,
)
from .digest import (
    sha256_of_file as sha256_of_file,
)
from .digest import (
    sha256_of_tree as sha256_of_tree,
)
from .epoch import DEFAULT as DEFAULT
from .epoch import VARIABLE as VARIABLE
from .epoch import source_date_epoch as source_date_epoch
from .paths import absolute as absolute
from .paths import display as display
from .paths import is_there as is_there
from .paths import size_of as size_of
from .plain import from_json as from_json
from .plain import to_json as to_json
from .process import (
    PASSPHRASE_VARIABLE as PASSPHRASE_VARIABLE,
)
from .process import (
    STILL_RUNNING as STILL_RUNNING,
)
from .process import (
    Completed as Completed,
)
from .process import (
    bare_environment as bare_environment,
)
from .process import (
    become as become,
)
from .process import (
    environment as environment,
)
from .process import (
    run as run,
)
from .process import (
    stream as stream,
)
from .resources import driver_dir as driver_dir
from .resources import runtime_dir as runtime_dir
from .resources import templates_dir as templates_dir
from .scratch import scratch as scratch
from .wording import count as count
from .wording import did_you_mean as did_you_mean
from .wording import either as either
from .wording import similar as similar
