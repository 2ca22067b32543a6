"""Find the interpreter of another platform, and read its facts without running it."""
