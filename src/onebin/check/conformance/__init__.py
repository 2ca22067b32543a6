"""Hold plugins against their contracts, with the objects themselves.

This package runs as a script in the stage, with the stage's interpreter: standard library only, Python 3.10 and newer,
and relative imports only. It is not frozen. `onebin.check.contracts` asks, and makes findings of the answers.
"""
