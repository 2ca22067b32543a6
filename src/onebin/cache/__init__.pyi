from .contents import Entry as Entry
from .contents import cache_entries as cache_entries
from .contents import remove_logs as remove_logs
from .store import Cache as Cache
