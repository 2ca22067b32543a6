"""The flagship example: logscan, its plugins, and its command."""
