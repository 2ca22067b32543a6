"""A module that is run with -m; it leaves a file that shows that it ran."""

import sys
import time

if sys.argv[1:] == ["late"]:
    time.sleep(0.3)
print("worker", sys.argv[1:], __name__, sys.flags.isolated, flush=True)
if sys.argv[1:] == ["late"]:
    with open("worker.txt", "w", encoding="utf-8") as stream:
        stream.write("ran\n")
