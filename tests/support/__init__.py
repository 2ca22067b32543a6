"""What tests share: programs and the command line, projects and wheels, bundles, benches, indexes, builders of values."""
