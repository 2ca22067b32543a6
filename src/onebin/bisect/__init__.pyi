from .plugins import bisect_plugins as bisect_plugins
from .request import BisectRequest as BisectRequest
from .results import (
    Culprit as Culprit,
    PluginBisection as PluginBisection,
    Trial as Trial,
    VersionBisection as VersionBisection,
)
from .versions import bisect_versions as bisect_versions
