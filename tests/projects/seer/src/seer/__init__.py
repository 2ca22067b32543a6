"""A host that prints what it sees."""
