"""Says what is in a data set; xarray has no console script of its own."""
