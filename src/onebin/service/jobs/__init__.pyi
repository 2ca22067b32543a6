from .build import Build as Build, BuildError as BuildError, BuildEvent as BuildEvent
from .builder import Builder as Builder
from .ledger import Ledger as Ledger, TooManyError as TooManyError
from .schema import database_errors as database_errors
