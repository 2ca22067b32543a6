from .build import Build as Build, BuildError as BuildError, BuildEvent as BuildEvent
from .ledger import Ledger as Ledger, TooManyError as TooManyError
