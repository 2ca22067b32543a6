"""A plugin whose entry point names an attribute that is not there."""


def greet(name):
    return name
