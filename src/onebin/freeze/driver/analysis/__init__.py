"""PyInstaller's analysis, made quicker: what it finds is kept from build to build. Each module is run as a script."""
