"""The commands of the framework, and one that calls the server as users do."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request


def main():
    """Run a command of the framework, or `visit`."""
    if sys.argv[1:] == ["visit"]:
        return visit()
    os.environ["DJANGO_SETTINGS_MODULE"] = "bookshop.settings"
    from django.core.management import execute_from_command_line

    return execute_from_command_line(sys.argv)


def visit():
    """Start the server with its reloader, print its page, and end it."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [sys.argv[0], "runserver", f"127.0.0.1:{port}"]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
    end = time.monotonic() + 30
    while server.poll() is None and time.monotonic() < end:
        try:
            print(urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=5).read())
            break
        except OSError:
            time.sleep(0.1)
    if server.poll() is None:
        os.killpg(server.pid, signal.SIGKILL)
    print(server.wait())
