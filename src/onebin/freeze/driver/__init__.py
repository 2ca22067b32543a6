"""The driver: a folder that runs as a script under the stage's interpreter and runs PyInstaller there.

Standard library only.
"""
