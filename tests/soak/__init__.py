"""The long tests: what faults, hostile input and load do to onebin, each in a short form and by `make soak`."""
