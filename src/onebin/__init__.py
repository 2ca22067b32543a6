"""onebin: a manifest of a host and its plugins in, one verified executable file out."""

__version__ = "0.1.0"
