"""`python -m onebin`."""

from onebin.cli import main

main()
