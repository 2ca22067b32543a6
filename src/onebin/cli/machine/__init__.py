"""The commands about this machine: doctor, cache; and the script that compiles launchers."""
