from .binary import Binary as Binary, needs_of as needs_of
from .elf import (
    Elf as Elf,
    loader_region as loader_region,
    newest as newest,
    number_of as number_of,
    read_elf as read_elf,
)
from .glibc import libc_facts as libc_facts, need_of as need_of, needs as needs
from .libc import Libc as Libc, is_of_glibc as is_of_glibc, libc_of as libc_of
from .libraries import Resolved as Resolved, resolve_libraries as resolve_libraries
from .macos import macos_facts as macos_facts
from .patching import patch_elf as patch_elf, patching_version as patching_version
