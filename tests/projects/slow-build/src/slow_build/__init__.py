"""A plugin that can take long to build."""


def greet(name):
    return f"at last, {name}"
