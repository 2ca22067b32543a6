"""A plugin that needs an old packaging."""


def greet(name):
    return name
