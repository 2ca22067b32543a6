"""The commands that build many bundles: matrix, catalogue, serve."""
