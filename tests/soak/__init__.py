"""The long tests of faults, hostile input and load: a short form in each test run, the long form with `make soak`."""
