"""The tree of an installation, made of what an analysis found. Each module is run as a script."""
