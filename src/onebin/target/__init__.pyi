from .elf import newest as newest, number_of as number_of
from .glibc import libc_facts as libc_facts, need_of as need_of, needs as needs
from .libc import Libc as Libc, libc_of as libc_of
