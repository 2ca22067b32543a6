raise RuntimeError("a template, not a module: {name}")
