"""The commands about this machine: doctor, cache; and the scripts that compile launchers and write manual pages."""
