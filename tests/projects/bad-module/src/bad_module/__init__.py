"""A plugin whose entry point names a module that is not there."""
