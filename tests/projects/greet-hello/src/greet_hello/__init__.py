"""A plugin that works."""


def greet(name):
    return f"hello {name}"
