from .collection import declared_modules as declared_modules
from .description import describe as describe
from .isolation import symbols_of as symbols_of
from .rendering import Source as Source, render as render
from .side_cars import accepted_side_cars as accepted_side_cars
from .typecheck import check_types as check_types
