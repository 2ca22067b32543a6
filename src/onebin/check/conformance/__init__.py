"""Hold plugins against their contract, with the objects at hand.

This package runs in the stage, with the stage's interpreter, as a script: standard library only, Python 3.10 and newer.
It is not frozen. `onebin.agreement` asks, and makes findings of the answers.
"""
