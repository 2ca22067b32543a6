from .editing import (
    EditResult as EditResult,
    add_to_manifest as add_to_manifest,
    remove_from_manifest as remove_from_manifest,
)
from .plugins import PluginStatus as PluginStatus, list_plugins as list_plugins
from .requirements import (
    ImportedBy as ImportedBy,
    TreeLine as TreeLine,
    Why as Why,
    explain as explain,
    locked_names as locked_names,
    show_tree as show_tree,
)
from .scripts import HostScripts as HostScripts, find_scripts as find_scripts, look_up as look_up
