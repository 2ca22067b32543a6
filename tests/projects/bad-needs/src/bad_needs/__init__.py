"""A plugin that imports a package it does not declare."""

import not_declared_anywhere
