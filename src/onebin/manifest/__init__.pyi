from .edit import (
    Edited as Edited,
)
from .edit import (
    add_plugins as add_plugins,
)
from .edit import (
    create_manifest as create_manifest,
)
from .edit import (
    remove_plugins as remove_plugins,
)
from .fields import PROJECT_FILES as PROJECT_FILES
from .load import (
    ExtensionPoint as ExtensionPoint,
)
from .load import (
    Host as Host,
)
from .load import (
    Manifest as Manifest,
)
from .load import (
    PluginRow as PluginRow,
)
from .load import (
    load as load,
)
from .load import (
    parse as parse,
)
from .load import (
    schema as schema,
)
from .model import Layout as Layout
from .model import is_excluded as is_excluded
from .projects import check_projects as check_projects
