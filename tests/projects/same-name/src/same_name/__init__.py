"""A plugin that claims the name of another."""


def greet(name):
    return f"hallo {name}"
