from .edit import (
    Edited as Edited,
    add_plugins as add_plugins,
    create_manifest as create_manifest,
    remove_plugins as remove_plugins,
)
from .items import Item as Item, read_items as read_items
from .load import Manifest as Manifest
from .projects import (
    PROJECT_FILES as PROJECT_FILES,
    check_projects as check_projects,
    declared_groups as declared_groups,
    declared_scripts as declared_scripts,
    near_project as near_project,
)
from .schema import manifest_schema as manifest_schema
from .tables import (
    ExtensionPoint as ExtensionPoint,
    Host as Host,
    Layout as Layout,
    PluginRow as PluginRow,
    is_excluded as is_excluded,
)
from .toml import keyed as keyed
