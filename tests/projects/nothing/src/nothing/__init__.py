"""A distribution that extends nothing."""
