"""A plugin that needs a new packaging."""


def greet(name):
    return name
