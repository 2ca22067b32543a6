from .overlap import Overlap as Overlap, overlaps as overlaps, overwritten as overwritten
from .stage import Stage as Stage, find as find, find_nearest as find_nearest, stage_key as stage_key
from .staging import install as install
from .toolchain import Toolchain as Toolchain, install_toolchain as install_toolchain
