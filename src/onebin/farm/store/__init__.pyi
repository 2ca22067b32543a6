from .store import Record as Record, Store as Store
