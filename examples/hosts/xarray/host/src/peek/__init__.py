"""Describes data sets on the command line, since xarray has no console script."""
