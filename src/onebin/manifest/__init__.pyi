from .edit import (
    Edited as Edited,
    add_plugins as add_plugins,
    create_manifest as create_manifest,
    host_keys as host_keys,
    remove_plugins as remove_plugins,
    setting_python as setting_python,
)
from .items import Item as Item, is_path as is_path, read_items as read_items, stored_path as stored_path
from .load import Manifest as Manifest
from .projects import (
    PROJECT_FILES as PROJECT_FILES,
    PROJECT_MARKS as PROJECT_MARKS,
    check_projects as check_projects,
    check_rows as check_rows,
    declared_scripts as declared_scripts,
    distribution_at as distribution_at,
    local_paths as local_paths,
    near_project as near_project,
    setting_of_wheels as setting_of_wheels,
)
from .schema import manifest_schema as manifest_schema
from .tables import (
    FULL as FULL,
    Budget as Budget,
    ExtensionPoint as ExtensionPoint,
    Host as Host,
    Layout as Layout,
    Matrix as Matrix,
    MatrixRow as MatrixRow,
    PluginRow as PluginRow,
    SideCars as SideCars,
    is_excluded as is_excluded,
)
from .toml import (
    key_path as key_path,
    keyed as keyed,
    line_of as line_of,
    parse_toml as parse_toml,
    read as read,
    shown as shown,
    without_table as without_table,
)
