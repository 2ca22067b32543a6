"""What tests share: programs, the command, projects, wheels, bundles, package indexes and builders of values."""
