"""A plugin whose import raises."""

raise RuntimeError("this plugin wants a licence")
