from .installation import Installation as Installation, installation as installation
from .library import left_out as left_out
from .places import Places as Places
