from .hosts import (
    NO_ENTRY as NO_ENTRY,
    HostChoice as HostChoice,
    choose_host as choose_host,
    described as described,
)
from .lookups import Style as Style
from .project import NewProject as NewProject, new_host as new_host, new_plugin as new_plugin
