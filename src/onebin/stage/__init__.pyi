from .overlap import Overlap as Overlap, overlaps as overlaps, overwritten as overwritten
from .staging import Stage as Stage, find as find, install as install, stage_key as stage_key
from .toolchain import Toolchain as Toolchain, install_toolchain as install_toolchain
