from .store import LostObjectError as LostObjectError, Record as Record, Store as Store
