"""A plugin whose entry point names an attribute that does not exist."""


def greet(name):
    return name
