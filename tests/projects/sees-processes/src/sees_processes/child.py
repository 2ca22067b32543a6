"""Run with -m."""

import sys

if __name__ == "__main__":
    print("child", sys.argv[1:])
