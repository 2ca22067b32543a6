"""What tests share: programs, the command, projects and wheels, bundles, benches, indexes, builders of values."""
