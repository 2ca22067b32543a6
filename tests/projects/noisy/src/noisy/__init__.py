"""A plugin that prints when it is imported."""

import os

print("noise on standard output")
os.write(1, b"noise from below\n")


def greet(name):
    return f"NOISE {name}"
