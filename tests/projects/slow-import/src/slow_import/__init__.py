"""A plugin whose import takes long, where and when a test wants it.

The file where.txt names a folder. A file "sleep-staged" or "sleep-frozen" in that folder makes the import last, in the
stage or in the artifact, and a file "started" shows that it has begun.
"""

import sys
import time
from pathlib import Path

folder = Path(__file__).with_name("where.txt").read_text(encoding="utf-8").strip()
kind = "frozen" if Path(sys.prefix, "code.bin").exists() else "staged"
if Path(folder, f"sleep-{kind}").exists():
    Path(folder, "started").touch()
    time.sleep(120)


def greet(name):
    return f"awake, {name}"
