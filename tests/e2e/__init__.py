"""Tests of whole bundles, from the manifest to the artifact that runs alone."""
