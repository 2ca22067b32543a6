"""The commands about the manifest: init, add, remove, list."""
