"""What the bootloader finds in place of its hooks for ctypes."""

install = bool
