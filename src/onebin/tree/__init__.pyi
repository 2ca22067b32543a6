from .files import Installation as Installation, installation as installation, texts as texts
from .libraries import with_libraries as with_libraries
from .library import left_out as left_out, part_of as part_of, reasons_for as reasons_for, selection as selection
from .names import is_device as is_device
from .places import (
    CODE as CODE,
    CONFIGURATION as CONFIGURATION,
    GENERATED as GENERATED,
    INTERPRETER as INTERPRETER,
    RELOCATIONS as RELOCATIONS,
    Places as Places,
    WindowsPlaces as WindowsPlaces,
    places_of as places_of,
    places_on as places_on,
)
