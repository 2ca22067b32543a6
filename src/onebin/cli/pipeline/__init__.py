"""The commands that build: lock, check, generate, bundle, run, vendor."""
