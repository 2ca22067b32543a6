"""What the boot loader finds in place of its hooks for ctypes."""

install = bool
