"""What runs PyInstaller under the stage's interpreter: a folder that is run as a script, standard library only."""
