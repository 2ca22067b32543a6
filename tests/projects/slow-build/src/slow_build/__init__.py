"""A plugin that can take a long time to build."""


def greet(name):
    return f"at last, {name}"
