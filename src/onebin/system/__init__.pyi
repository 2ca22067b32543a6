from .activity import Activity as Activity, listening as listening, tell as tell
from .atomic import exchange as exchange, write_atomic as write_atomic
from .credentials import (
    credentials_for as credentials_for,
    index_name as index_name,
    redact as redact,
    without_credentials as without_credentials,
)
from .digest import (
    ignored_below as ignored_below,
    sha256_of as sha256_of,
    sha256_of_data as sha256_of_data,
    sha256_of_entry as sha256_of_entry,
    sha256_of_file as sha256_of_file,
    sha256_of_tree as sha256_of_tree,
    source_files as source_files,
    state_of_program as state_of_program,
)
from .epoch import DEFAULT as DEFAULT, VARIABLE as VARIABLE, source_date_epoch as source_date_epoch
from .parent import stop_with_parent as stop_with_parent
from .paths import (
    VERSION_CONTROL as VERSION_CONTROL,
    absolute as absolute,
    display as display,
    driver_dir as driver_dir,
    is_private as is_private,
    is_there as is_there,
    nearby as nearby,
    runtime_dir as runtime_dir,
    size_of as size_of,
    surrounding as surrounding,
    templates_dir as templates_dir,
)
from .plain import from_json as from_json, to_json as to_json
from .process import (
    PASSPHRASE_VARIABLE as PASSPHRASE_VARIABLE,
    STILL_RUNNING as STILL_RUNNING,
    Attempt as Attempt,
    Background as Background,
    Completed as Completed,
    attempt as attempt,
    bare_environment as bare_environment,
    become as become,
    converse as converse,
    environment as environment,
    not_started_here as not_started_here,
    run as run,
    start as start,
    stream as stream,
)
from .reading import (
    MOST as MOST,
    DeepDataError as DeepDataError,
    DeepKeyError as DeepKeyError,
    opened as opened,
    parse_toml as parse_toml,
    read_bytes as read_bytes,
    read_text as read_text,
    read_toml as read_toml,
)
from .temporary import scratch as scratch
from .wording import (
    canonical_name as canonical_name,
    count as count,
    did_you_mean as did_you_mean,
    either as either,
    escaped_json as escaped_json,
    megabytes as megabytes,
    nearest as nearest,
    similar as similar,
    visible as visible,
)
