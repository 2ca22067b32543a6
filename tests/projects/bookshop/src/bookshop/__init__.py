"""A site on a framework."""
