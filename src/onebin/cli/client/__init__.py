"""The commands that get files from a build service: fetch, upgrade."""
