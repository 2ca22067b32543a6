"""A build backend (PEP 517) that takes long in one hook: the one that the variable SLOW_BUILD names.

Its value is "HOOK FOLDER"; a file named "started" in the folder shows that the hook has begun.
"""

import base64
import hashlib
import os
import time
import zipfile
from pathlib import Path

INFO = "slow_build-1.0.0.dist-info"
FILES = {
    f"{INFO}/METADATA": "Metadata-Version: 2.1\nName: slow-build\nVersion: 1.0.0\nRequires-Python: >=3.10\n",
    f"{INFO}/WHEEL": "Wheel-Version: 1.0\nGenerator: slow\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    f"{INFO}/entry_points.txt": "[tinyhost.greeters]\nslow-build = slow_build:greet\n",
}


def _linger(hook):
    wanted, _, folder = os.environ.get("SLOW_BUILD", "").partition(" ")
    if wanted == hook:
        Path(folder, "started").touch()
        time.sleep(120)


def prepare_metadata_for_build_wheel(directory, config_settings=None):
    _linger("metadata")
    Path(directory, INFO).mkdir()
    for name, text in FILES.items():
        Path(directory, name).write_text(text, encoding="utf-8")
    return INFO


def build_wheel(directory, config_settings=None, metadata_directory=None):
    _linger("wheel")
    module = Path("src/slow_build/__init__.py").read_text(encoding="utf-8")
    files = {"slow_build/__init__.py": module, **FILES}
    rows = [f"{name},sha256={_digest(text)},{len(text.encode())}\n" for name, text in files.items()]
    name = "slow_build-1.0.0-py3-none-any.whl"
    with zipfile.ZipFile(Path(directory, name), "w") as wheel:
        for path, text in {**files, f"{INFO}/RECORD": "".join([*rows, f"{INFO}/RECORD,,\n"])}.items():
            wheel.writestr(path, text)
    return name


def _digest(text):
    return base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).decode().rstrip("=")
