"""Imported by a name that is put together."""
