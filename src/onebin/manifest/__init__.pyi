from .edit import (
    Edited as Edited,
    add_plugins as add_plugins,
    create_manifest as create_manifest,
    remove_plugins as remove_plugins,
)
from .fields import PROJECT_FILES as PROJECT_FILES
from .load import (
    ExtensionPoint as ExtensionPoint,
    Host as Host,
    Manifest as Manifest,
    PluginRow as PluginRow,
)
from .model import Layout as Layout, is_excluded as is_excluded
from .projects import check_projects as check_projects
from .schema import manifest_schema as manifest_schema
