from .fetching import (
    Fetched as Fetched,
    FetchRequest as FetchRequest,
    ServiceClient as ServiceClient,
    fetch as fetch,
)
from .upgrading import Upgraded as Upgraded, UpgradeRequest as UpgradeRequest, upgrade as upgrade
from .versions import VersionChange as VersionChange
