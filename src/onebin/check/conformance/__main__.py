"""Run this folder as a script: `python -I <this file>`, with the interpreter of the stage.

The package is imported by the name of its folder, without `onebin`: the stage does not have what `onebin` imports.
"""

import importlib
import sys
from pathlib import Path

FOLDER = Path(__file__).parent

sys.path.insert(0, str(FOLDER.parent))
main = importlib.import_module(f"{FOLDER.name}.answer").main

# A distribution in the stage may have a package of the same name, and must not find the modules beside this folder.
del sys.path[0]
for name in [name for name in sys.modules if name.partition(".")[0] == FOLDER.name]:
    del sys.modules[name]

if __name__ == "__main__":
    raise SystemExit(main())
