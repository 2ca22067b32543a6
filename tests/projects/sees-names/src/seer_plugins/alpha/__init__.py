"""A portion of the namespace package, from the host."""
