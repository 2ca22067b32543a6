"""A host that uses the runtime: it lists, opens and looks up its plugins."""
