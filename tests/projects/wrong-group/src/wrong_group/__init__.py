"""A plugin of another host."""

x = 1
