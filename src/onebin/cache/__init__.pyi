from .entries import KINDS as KINDS, Entry as Entry, cache_entries as cache_entries, remove_logs as remove_logs
from .store import Cache as Cache
