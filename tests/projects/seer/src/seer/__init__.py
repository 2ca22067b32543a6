"""A host that tells what it sees."""
