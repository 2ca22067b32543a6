"""A module that is only imported by a computed name."""

VALUE = 42
