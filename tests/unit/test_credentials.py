"""Removing logins from texts, and finding the login for an address."""

from __future__ import annotations

from base64 import b64encode
from typing import TYPE_CHECKING

import pytest

from onebin.system.credentials import credentials_for, redact

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("see https://joe:pw@host/simple, it fails", "see https://****@host/simple, it fails"),
        ("https://token@host/x", "https://****@host/x"),
        ("git+https://joe:pw@host/x.git@v1#subdirectory=y", "git+https://****@host/x.git@v1#subdirectory=y"),
        ("ssh://git@host/x and git+ssh://git@host/x", "ssh://git@host/x and git+ssh://git@host/x"),
        ("ssh://git:pw@host/x", "ssh://git:****@host/x"),
        ("http://a:b@one/ http://c:d@two/", "http://****@one/ http://****@two/"),
        ("http://joe:p@ss@host/", "http://****@host/"),
        ("https://host/path@1.0", "https://host/path@1.0"),
        ("https://host/?mail=a@b", "https://host/?mail=a@b"),
        ("name @ https://host/x.whl", "name @ https://host/x.whl"),
        ("somebody@host.example", "somebody@host.example"),
    ],
)
def test_addresses_are_shown_without_their_logins(text: str, shown: str) -> None:
    """A login is removed from an address and everything else stays, including the user name for ssh."""
    assert redact(text, {}) == shown


def test_secrets_of_the_environment_are_masked_in_every_form() -> None:
    """Secrets of the environment are masked plain, percent-encoded and as HTTP Basic, unless they are very short."""
    env = {
        "UV_INDEX": "own=https://joe:abc%2Fdef%3D@host/simple https://other/simple",
        "UV_INDEX_X_PASSWORD": "sesame-open",
        "UV_FIND_LINKS": "https://a:page@host/links",
        "PATH": "/usr/bin",
    }
    basic = b64encode(b"joe:abc/def=").decode()
    said = f"abc%2Fdef%3D abc/def= {basic} sesame-open page /usr/bin"
    assert redact(said, env) == "**** **** **** **** page /usr/bin"


def test_odd_addresses_in_the_environment_do_no_harm() -> None:
    """A variable with something like an address that is none stops no message, and its secret is masked, too."""
    env = {"NOTE": "https://[::1", "OTHER": "https://joe:s3cret-word@[::1/x", "ONEBIN_TOKEN": "t0ken-word"}
    assert redact("it has s3cret-word and t0ken-word", env) == "it has **** and ****"


@pytest.mark.parametrize(
    ("env", "login"),
    [
        ({"UV_INDEX": "https://joe:p%40ss@host/simple"}, "joe:p@ss"),
        ({"UV_INDEX": "https://other/simple own=https://joe:pw@host/simple"}, "joe:pw"),
        (
            {"UV_INDEX": "my-own=https://host/s", "UV_INDEX_MY_OWN_USERNAME": "u", "UV_INDEX_MY_OWN_PASSWORD": "p"},
            "u:p",
        ),
        ({"UV_EXTRA_INDEX_URL": "https://joe:pw@host:444/simple"}, None),
        ({"UV_INDEX": "http://joe:pw@host/simple"}, None),
        ({"UV_PUBLISH_URL": "https://joe:pw@host/simple"}, None),
        ({}, None),
    ],
)
def test_login_belongs_to_one_scheme_host_and_port(env: dict[str, str], login: str | None, tmp_path: Path) -> None:
    """A login is used only for its own scheme, host and port."""
    nothing = {"NETRC": str(tmp_path / "nothing")}
    assert credentials_for("https://host/files/x.whl", {**nothing, **env}) == login


def test_netrc_file_is_read(tmp_path: Path) -> None:
    """A login for the host is read from the netrc file."""
    file = tmp_path / "netrc"
    file.write_text("machine host login joe password pw\n")
    assert credentials_for("https://host/x", {"NETRC": str(file)}) == "joe:pw"
    assert credentials_for("https://elsewhere/x", {"NETRC": str(file)}) is None
