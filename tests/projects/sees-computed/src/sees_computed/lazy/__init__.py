"""Imported by a computed name."""
