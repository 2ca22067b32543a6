"""The whole program on real files, real processes and real wheels."""
