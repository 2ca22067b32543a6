"""Whole bundles, from the manifest to the artifact that runs alone."""
