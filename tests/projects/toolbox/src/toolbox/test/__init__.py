"""A package of the host that is named like the interpreter's own tests."""
