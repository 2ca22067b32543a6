"""Tests of the whole program on real files, real processes and real wheels."""
