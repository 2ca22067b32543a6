"""Parts that are found by scanning."""
