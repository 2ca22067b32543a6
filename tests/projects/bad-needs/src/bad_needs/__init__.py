"""A plugin that needs a package which it does not declare."""

import not_declared_anywhere
