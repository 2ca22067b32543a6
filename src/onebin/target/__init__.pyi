from .elf import newest as newest
from .elf import number_of as number_of
from .glibc import libc_facts as libc_facts
from .glibc import need_of as need_of
from .glibc import needs as needs
from .libc import Libc as Libc
from .libc import libc_of as libc_of
