"""A host that knows nothing of onebin, with plugins that break."""
