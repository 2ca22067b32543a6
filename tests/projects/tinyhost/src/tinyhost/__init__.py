"""A host that finds its plugins by entry points."""
