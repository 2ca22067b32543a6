"""The commands for authors of hosts and plugins: new, lint."""
