from .installation import Installation as Installation, installation as installation
from .library import left_out as left_out
from .places import (
    CODE as CODE,
    CONFIGURATION as CONFIGURATION,
    GENERATED as GENERATED,
    PROGRAMS as PROGRAMS,
    SHARED_LIBRARIES as SHARED_LIBRARIES,
    Places as Places,
)
