"""The login of a package index is sent only to that index, and is never in output, a log, a lock or an artifact."""

from __future__ import annotations

from base64 import b64encode
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest

from support.caches import lend
from support.index import Index, serving
from support.wheels import make_wheel

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from support.bench import Bench
    from support.processes import Result

pytestmark = pytest.mark.network

USER, PASSWORD = "plantagenet", "Hollyhock/7+wine"  # the tests search for it
ROW = 'orbit = { version = "*", modules = ["orbit"] }'


@pytest.fixture
def index(tmp_path: Path) -> Iterator[Index]:
    """Return an index with one package that requires a login."""
    with serving() as made:
        made.add(make_wheel(tmp_path / "served", "orbit", files={"orbit.py": ""}))
        made.login = f"{USER}:{PASSWORD}"
        yield made


def address(index: Index, password: str = PASSWORD) -> str:
    """Return the index's address with a login."""
    return index.url.replace("://", f"://{USER}:{quote(password, safe='')}@")


def ways(index: Index, tmp_path: Path) -> dict[str, dict[str, str]]:
    """Return the ways to give uv a login, each as environment variables."""
    netrc = tmp_path / "netrc"
    netrc.write_text(f"machine 127.0.0.1 login {USER} password {PASSWORD}\n")
    return {
        "index": {"UV_INDEX": address(index)},
        "named": {"UV_INDEX": f"own={index.url}", "UV_INDEX_OWN_USERNAME": USER, "UV_INDEX_OWN_PASSWORD": PASSWORD},
        "links": {"UV_FIND_LINKS": address(index) + "/orbit/"},
        "netrc": {"UV_INDEX": index.url, "NETRC": str(netrc)},
    }


def forms() -> list[bytes]:
    """Return the password in each encoding in which it could appear."""
    basic = b64encode(f"{USER}:{PASSWORD}".encode())
    return [PASSWORD.encode(), quote(PASSWORD, safe="").encode(), quote(PASSWORD).encode(), basic]


def assert_clean(bench: Bench, *results: Result) -> None:
    """Assert that the password is neither in the output nor in any file, except in uv's own cache."""
    for result in results:
        for form in forms():
            assert form.decode() not in result.out + result.err, result.err
    files = [file for top in (bench.directory, bench.cache) for file in top.rglob("*")]
    assert files
    leaks = [file for file in files if file.is_file() and any(form in file.read_bytes() for form in forms())]
    assert leaks == []


@pytest.mark.parametrize("way", ["index", "named", "links", "netrc"])
def test_login_works_and_is_not_stored(bench: Bench, index: Index, tmp_path: Path, way: str) -> None:
    """Lock, stage and vendor work with a login, and it is not in the output or in any file."""
    bench.manifest("greet-hello", ROW)
    env = {**ways(index, tmp_path)[way], "UV_CACHE_DIR": str(tmp_path / "uv")}
    said = [bench.accepts(*command, env=env) for command in (["lock"], ["check", "-v"], ["vendor", "house"])]
    assert (bench.directory / "house" / "orbit-1.0.0-py3-none-any.whl").exists()
    assert_clean(bench, *said)


def test_bundle_contains_no_login(bench: Bench, built: Path, index: Index, tmp_path: Path) -> None:
    """The login is not in the artifact, in the log of its freeze, or in the output of `inspect`."""
    bench.manifest("greet-hello", ROW)
    lend(built.parents[2] / "cache", bench.cache)
    env = ways(index, tmp_path)["index"]
    said = [bench.accepts("bundle", "-v", env=env), bench.accepts("inspect", "--json", "dist/tiny", env=env)]
    assert_clean(bench, *said)


@pytest.mark.parametrize("way", ["index", "named"])
def test_errors_show_no_login(bench: Bench, index: Index, tmp_path: Path, way: str) -> None:
    """Errors about a refused login or a failing server name the index without the login."""
    bench.manifest("greet-hello", ROW)
    env = {**ways(index, tmp_path)[way], "UV_CACHE_DIR": str(tmp_path / "uv"), "UV_HTTP_RETRIES": "0"}
    bench.accepts("lock", env=env)
    index.login = "somebody:else"
    said: list[Result] = []
    for command in (["check", "-v"], ["lock", "--upgrade"], ["vendor", "house"]):
        said.append(bench.run(*command, env={**env, "UV_CACHE_DIR": str(tmp_path / f"uv-{len(said)}")}))
        assert said[-1].code != 0
        index.fault = index.page_fault = 500 if index.fault is None else None
    assert_clean(bench, *said)


def test_build_output_is_shown_without_logins(bench: Bench, index: Index, tmp_path: Path) -> None:
    """A failing build that prints its environment does not show the login."""
    project = bench.project("greet-hello")
    project.joinpath("telling.py").write_text("import os\nraise SystemExit(str(dict(os.environ)))\n", "utf-8")
    file = project / "pyproject.toml"
    text = file.read_text("utf-8").replace('"hatchling.build"', '"telling"\nbackend-path = ["."]')
    file.write_text(text, "utf-8")
    bench.manifest('greet-hello = { path = "projects/greet-hello" }', ROW)
    said = [bench.run("check", "-v", env=ways(index, tmp_path)[way]) for way in ("index", "named")]
    assert all(each.code != 0 and "UV_INDEX" in each.err for each in said)
    assert_clean(bench, *said)


def test_login_in_the_manifest_is_refused_without_showing_it(bench: Bench) -> None:
    """The error about a login in the manifest does not repeat it."""
    secret = quote(PASSWORD, safe="")
    bench.manifest(f'orbit = {{ git = "https://{USER}:{secret}@host.example/orbit" }}')
    done = bench.run("check")
    assert done.code == 3
    assert "contains credentials" in done.err
    assert secret not in done.err
