"""A package index that fails in all the ways servers fail: one error in bounded time, and the next build succeeds."""

from __future__ import annotations

import socket
import ssl
import sys
from datetime import UTC, datetime, timedelta
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import IPv4Address
from threading import Thread
from typing import TYPE_CHECKING

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from onebin.errors import LockError, PackError, StageError
from onebin.launcher import compiler
from onebin.python import INDEXES
from support.bench import steps_of
from support.index import Fault, Index, serving
from support.wheels import make_wheel

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from support.bench import Bench

pytestmark = pytest.mark.network

ROW = 'orbit = { version = "*", modules = ["orbit"] }'
WHEEL = "orbit-1.0.0-py3-none-any.whl"
SECONDS = 60.0


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Index]:
    """Return an index with one package, half of which is larger than a network buffer."""
    with serving() as made:
        noise = "".join(f"{number * 7919 % 10007:x}" for number in range(200_000))
        files = {"orbit/__init__.py": "", "orbit/data.txt": noise}
        made.add(make_wheel(tmp_path_factory.mktemp("served"), "orbit", files=files))
        yield made


@pytest.fixture
def index(served: Index) -> Iterator[Index]:
    """Return the index, with no fault set."""
    good = served.files[WHEEL]
    yield served
    served.fault = served.page_fault = served.login = None
    served.change(WHEEL, good)


@pytest.fixture(scope="module")
def kept() -> dict[str, str]:
    """Return a dictionary that keeps the lock, so that it is resolved only once."""
    return {}


@pytest.fixture
def locked_bench(bench: Bench, index: Index, tmp_path: Path, kept: dict[str, str]) -> Bench:
    """Return a bench whose lock has a package from that index."""
    bench.manifest("greet-hello", ROW)
    if not kept:
        bench.accepts("lock", env=settings(index, tmp_path, "uv-lock"))
        kept["text"] = bench.lock.read_text("utf-8")
    bench.lock.write_text(kept["text"], "utf-8")
    return bench


def settings(index: Index, tmp_path: Path, cache: str) -> dict[str, str]:
    """Return uv's settings for that index: short timeouts, and a separate cache."""
    patience = {"UV_HTTP_TIMEOUT": "2", "UV_HTTP_RETRIES": "0"}
    return {"UV_INDEX": index.url, "UV_CACHE_DIR": str(tmp_path / cache), **patience}


FAULTS: dict[str, tuple[Fault | int, tuple[str, ...]]] = {
    "connection-lost": ("cut", ("orbit",)),
    "truncated": ("short", ("orbit",)),
    "other-bytes": ("other", ("orbit",)),
    "endless": ("endless", ("orbit",)),
    "no-answer": ("silent", ("orbit",)),
    "not-found": (404, ("orbit", "404")),
    "server-error": (500, ("orbit", "500")),
    "unauthorised": (401, ("orbit", "401")),
    "forbidden": (403, ("orbit", "403")),
}
DAMAGES = ("short", "other", "endless")  # an archive arrives that is none, which is not a fault of the network


@pytest.mark.parametrize(("fault", "words"), FAULTS.values(), ids=FAULTS)
def test_failed_download_is_an_error_and_the_next_build_succeeds(
    locked_bench: Bench, index: Index, tmp_path: Path, fault: Fault | int, words: tuple[str, ...]
) -> None:
    """Each kind of failed download is an error that names it and leaves nothing; the next build succeeds."""
    index.fault = fault
    env = settings(index, tmp_path, "uv")
    refusal = locked_bench.refuses("check", error=StageError, env=env, may_write=(), seconds=SECONDS)
    if fault in DAMAGES:
        refusal.says("bundle.toml:11: plugins.orbit: it cannot be installed", hint="")
        refusal.says("uv says: ", *words, hint="index")
    else:
        refusal.says("bundle.toml:11: plugins.orbit: ", *words, hint="index")
        assert "uv says" not in refusal.err
    assert steps_of(refusal) == ["lock"]
    index.fault = None
    locked_bench.accepts("check", "--locked", env=env)


def test_download_from_very_slow_server_is_aborted(locked_bench: Bench, index: Index, tmp_path: Path) -> None:
    """A download from which a byte arrives now and then is aborted at the time limit for one call of uv."""
    index.fault = "slow"
    env = {**settings(index, tmp_path, "uv"), "ONEBIN_UV_TIMEOUT": "5"}
    refusal = locked_bench.refuses("check", error=StageError, env=env, may_write=(), seconds=SECONDS)
    refusal.says("still running after 5 s", hint="ONEBIN_UV_TIMEOUT")


@pytest.mark.skipif(sys.platform != "linux", reason="memory is limited on Linux only")
def test_endless_index_page_is_aborted(bench: Bench, index: Index, tmp_path: Path) -> None:
    """Reading an endless index page is aborted at a memory limit (smaller in this test)."""
    bench.manifest("greet-hello", ROW)
    index.page_fault = "endless"
    env = settings(index, tmp_path, "uv")
    under = ["prlimit", f"--data={512 * 1024**2}"]
    refusal = bench.refuses("lock", error=LockError, env=env, may_write=(), seconds=SECONDS, under=under)
    refusal.says("memory allocation", hint="endless")


PAGE_FAULTS: dict[str, Fault | int] = {"no-answer": "silent", "server-error": 500, "forbidden": 403, "cut": "cut"}


@pytest.mark.parametrize("fault", PAGE_FAULTS.values(), ids=PAGE_FAULTS)
def test_index_that_does_not_answer_is_a_lock_error(
    bench: Bench, index: Index, tmp_path: Path, fault: Fault | int
) -> None:
    """If the index does not answer, locking fails, the previous lock stays, and the next attempt succeeds."""
    bench.manifest("greet-hello", ROW)
    index.page_fault = fault
    env = settings(index, tmp_path, "uv")
    refusal = bench.refuses("lock", error=LockError, env=env, may_write=(), seconds=SECONDS)
    refusal.says("bundle.toml:11: plugins.orbit: ", index.url, hint="index")
    assert "uv says" not in refusal.err
    index.page_fault = None
    bench.accepts("lock", env=env)


@pytest.mark.parametrize("fault", ["login", "text"])
def test_answer_that_is_not_an_index_page_is_said(bench: Bench, index: Index, tmp_path: Path, fault: Fault) -> None:
    """A login page with status 200, or a page in another format, is not a package without versions."""
    bench.manifest("greet-hello", ROW)
    index.page_fault = fault
    env = {**settings(index, tmp_path, "uv"), "UV_INDEX": index.url.replace("//", "//me:password@")}
    refusal = bench.refuses("lock", error=LockError, env=env, may_write=(), seconds=SECONDS)
    refusal.says("bundle.toml:11: plugins.orbit: ", f"{index.url}/", "not with ", hint=["login", "UV_DEFAULT_INDEX"])
    assert "password" not in refusal.err


def test_package_without_files_is_not_a_fault_of_the_index(bench: Bench, index: Index, tmp_path: Path) -> None:
    """If an index has an empty page for one package, and none for others, then the package has no versions."""
    bench.manifest("greet-hello", 'emptied = "*"')
    index.files["emptied-1.zap"], index.stated["emptied-1.zap"] = b"", "0" * 64
    env = settings(index, tmp_path, "uv")
    refusal = bench.refuses("lock", error=LockError, env=env, may_write=(), seconds=SECONDS)
    del index.files["emptied-1.zap"]
    refusal.says("bundle.toml:11: plugins.emptied: the index has no version of emptied", hint="check the name")


def test_changed_bytes_under_the_same_name_are_refused(locked_bench: Bench, index: Index, tmp_path: Path) -> None:
    """Bytes that differ from the locked ones are refused, even if the index has a matching digest for them."""
    evil = make_wheel(tmp_path / "evil", "orbit", files={"orbit/__init__.py": "raise SystemExit('taken over')"})
    index.change(WHEEL, evil.read_bytes())
    refusal = locked_bench.refuses("check", error=StageError, env=settings(index, tmp_path, "uv"), may_write=())
    refusal.says("hash mismatch between a download and the lock", "orbit", hint="do not trust this index")


@pytest.fixture(scope="module")
def strange_https(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Return the address of a server whose certificate nobody trusts."""
    folder = tmp_path_factory.mktemp("https")
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    made = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    made = made.serial_number(1).not_valid_before(now).not_valid_after(now + timedelta(days=1))
    made = made.add_extension(x509.SubjectAlternativeName([x509.IPAddress(IPv4Address("127.0.0.1"))]), critical=False)
    pem = made.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (folder / "both.pem").write_bytes(pem + secret)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "both.pem")
    with ThreadingHTTPServer(("127.0.0.1", 0), SimpleHTTPRequestHandler) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"https://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.mark.parametrize(
    ("url", "hints"),
    [
        ("{https}/simple", ["SSL_CERT_FILE", "UV_SYSTEM_CERTS"]),
        ("http://127.0.0.1:9/simple", ["--offline", "--vendor", "UV_DEFAULT_INDEX"]),
        ("http://nobody.invalid/simple", ["--offline", "--vendor"]),
    ],
    ids=["certificate", "refused", "unknown"],
)
def test_index_that_cannot_be_reached_says_what_to_do(
    bench: Bench, strange_https: str, tmp_path: Path, url: str, hints: list[str]
) -> None:
    """A certificate that is not trusted, a closed port and an unknown name each have their own remedy."""
    bench.manifest("greet-hello", ROW)
    index = url.format(https=strange_https)
    env = {"UV_DEFAULT_INDEX": index, "UV_INDEX": "", "UV_CACHE_DIR": str(tmp_path / "uv"), "UV_HTTP_RETRIES": "0"}
    refusal = bench.refuses("lock", error=LockError, env=env, may_write=(), seconds=SECONDS)
    refusal.says(index, hint=hints)
    assert "\n" not in refusal.summary


PAGE_ANSWERS = {
    "too-many": (429, "answered HTTP 429 Too Many Requests", "wait a minute"),
    "gone": (410, "answered HTTP 410 Gone", "onebin lock --upgrade orbit"),
    "unavailable": (503, "answered HTTP 503 Service Unavailable", "try again later"),
    "forbidden": (403, "denies access (HTTP 403)", "machine 127.0.0.1"),
}


@pytest.mark.parametrize(("status", "said", "hint"), PAGE_ANSWERS.values(), ids=PAGE_ANSWERS)
def test_answer_of_index_is_one_line_with_the_plugin_and_what_to_do(
    bench: Bench, index: Index, tmp_path: Path, status: int, said: str, hint: str
) -> None:
    """A page that an index refuses is one line, with the plugin, the URL and the status; another says what to do."""
    bench.manifest("greet-hello", ROW)
    index.page_fault = status
    env = {**settings(index, tmp_path, "uv"), "UV_DEFAULT_INDEX": index.url, "UV_INDEX": ""}
    refusal = bench.refuses("lock", error=LockError, env=env, may_write=(), seconds=SECONDS)
    refusal.says("bundle.toml:11: plugins.orbit: ", index.url, said, hint=hint)
    assert "\n" not in refusal.summary


@pytest.mark.parametrize(
    ("address", "login", "said", "hint"),
    [
        ("corp={plain}", {}, "needs credentials", "UV_INDEX_CORP_USERNAME and UV_INDEX_CORP_PASSWORD"),
        ("{wrong}", {}, "rejects the credentials it got", "correct its credentials: in the index's address"),
        ("corp={plain}", {"UV_INDEX_CORP_PASSWORD": "nonsense"}, "rejects the credentials it got", "UV_INDEX_CORP_"),
    ],
    ids=["none", "wrong-in-address", "wrong-in-variable"],
)
def test_index_that_denies_access_is_named_with_the_ways_to_give_credentials(
    bench: Bench, index: Index, tmp_path: Path, address: str, login: dict[str, str], said: str, hint: str
) -> None:
    """The index is named without credentials; the hint names its own variables, the netrc file and the keyring."""
    bench.manifest("greet-hello", ROW)
    index.login = "somebody:correct-horse"
    wrong = index.url.replace("://", "://somebody:nonsense@")
    env = {**settings(index, tmp_path, "uv"), "UV_INDEX": address.format(plain=index.url, wrong=wrong), **login}
    refusal = bench.refuses("lock", error=LockError, env=env, may_write=(), seconds=SECONDS)
    line = f"bundle.toml:11: plugins.orbit: the index {index.url} {said} (HTTP 401)"
    refusal.says(line, hint=[hint, ".netrc", "UV_KEYRING_PROVIDER"])
    assert "nonsense" not in refusal.err


@pytest.fixture(scope="module")
def proxy() -> Iterator[str]:
    """Return the address of a proxy that asks for credentials."""

    class Handler(SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None: ...

        def do_CONNECT(self) -> None:  # the library's name
            self.send_error(407)

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.mark.parametrize(
    ("address", "said", "hint"),
    [
        ("http://127.0.0.1:9", "connection refused", ["correct HTTPS_PROXY", "NO_PROXY"]),
        ("http://nobody.invalid:3128", "there is no such host", ["correct HTTPS_PROXY"]),
        ("{proxy}", "the proxy needs credentials", ["HTTPS_PROXY"]),
    ],
    ids=["refused", "unknown", "login"],
)
def test_fault_of_a_proxy_names_it_and_its_variable(
    bench: Bench, proxy: str, tmp_path: Path, address: str, said: str, hint: list[str]
) -> None:
    """If the way to the index leads through a proxy, the error names the proxy and the variable that it comes from."""
    bench.manifest("greet-hello", ROW)
    url = address.format(proxy=proxy)
    env = {"UV_DEFAULT_INDEX": "https://index.invalid/simple", "UV_INDEX": "", "HTTPS_PROXY": url, "NO_PROXY": ""}
    own = {"UV_CACHE_DIR": str(tmp_path / "uv"), "UV_HTTP_RETRIES": "0"}
    refusal = bench.refuses("lock", error=LockError, env={**env, **own}, may_write=(), seconds=SECONDS)
    refusal.says("https://index.invalid/", f"through the proxy {url} (HTTPS_PROXY)", said, hint=hint)


@pytest.mark.parametrize(
    ("address", "said", "hint"),
    [
        ("https://nobody.invalid/far.git", "Could not resolve host: nobody.invalid", "is there a network?"),
        ("{index}/far.git", "not found", "check the repository's address"),
        ("{https}/far.git", "certificate", "GIT_SSL_CAINFO"),
    ],
    ids=["unknown-host", "not-found", "certificate"],
)
def test_git_remote_that_does_not_answer_is_named(
    bench: Bench, index: Index, strange_https: str, tmp_path: Path, address: str, said: str, hint: str
) -> None:
    """A repository that cannot be fetched is one line with the plugin and git's reason; another has what to try."""
    url = address.format(index=index.url, https=strange_https)
    bench.manifest("greet-hello", f'far = {{ git = "{url}", rev = "main" }}')
    env = {"UV_CACHE_DIR": str(tmp_path / "uv")}
    refusal = bench.refuses("lock", error=LockError, env=env, may_write=(), seconds=SECONDS)
    said_of = f"bundle.toml:11: plugins.far: cannot fetch {url}: "
    refusal.says(said_of, said, hint=[hint, "" if "CAINFO" in hint else f"ls-remote {url}"])
    assert "uv says" not in refusal.err
    assert "\n" not in refusal.summary


@pytest.fixture
def silent() -> Iterator[str]:
    """Return the address of a server that takes connections, and never says anything."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}/far.git"


@pytest.mark.parametrize(
    ("env", "said", "hint"),
    [
        ({"GIT_HTTP_LOW_SPEED_TIME": "1"}, "Operation too slow", "GIT_HTTP_LOW_SPEED_TIME"),
        ({"ONEBIN_GIT_TIMEOUT": "1"}, "not done after 1 s", "ONEBIN_GIT_TIMEOUT"),
    ],
    ids=["git", "onebin"],
)
def test_git_remote_that_never_answers_is_given_up(
    bench: Bench, silent: str, tmp_path: Path, env: dict[str, str], said: str, hint: str
) -> None:
    """Waiting for a repository ends in bounded time: git's own for a byte, or onebin's for all of it, as over SSH."""
    bench.manifest("greet-hello", f'far = {{ git = "{silent}", rev = "0123456789012345678901234567890123456789" }}')
    own = {"UV_CACHE_DIR": str(tmp_path / "uv"), **env}
    refusal = bench.refuses("lock", error=LockError, env=own, may_write=(), seconds=SECONDS)
    refusal.says(f"bundle.toml:11: plugins.far: cannot fetch {silent}: ", said, hint=[hint, f"git ls-remote {silent}"])


DEAD = "http://127.0.0.1:9/index"  # nothing listens there


def dead_index(tmp_path: Path) -> dict[str, str]:
    """Return uv's settings for an index that nobody serves, with an empty cache."""
    return {
        "UV_DEFAULT_INDEX": DEAD,
        "UV_INDEX": "",
        "UV_HTTP_RETRIES": "0",
        "UV_CACHE_DIR": str(tmp_path / "empty"),
    }


def test_fault_while_a_project_is_built_names_what_its_build_needs(bench: Bench, tmp_path: Path) -> None:
    """If a project's build backend cannot be fetched, the row of the project says what its build needs."""
    bench.manifest('greet-hello = { path = "projects/greet-hello" }')
    bench.accepts("lock")
    refusal = bench.refuses("check", error=StageError, env=dead_index(tmp_path), may_write=())
    what = f"its build needs hatchling: {DEAD}/hatchling/: connection refused"
    refusal.says(f"bundle.toml:10: plugins.greet-hello: {what}", hint="is there a network?")


def test_fault_while_the_compiler_is_fetched_names_the_index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """If the launcher's compiler cannot be fetched, the error has the address and the reason, and both ways out."""
    for name, value in dead_index(tmp_path).items():
        monkeypatch.setenv(name, value)
    with pytest.raises(PackError) as caught:
        compiler.install(tmp_path, source=INDEXES)
    assert f"(ziglang) cannot be installed: {DEAD}/" in caught.value.message
    assert "connection refused" in caught.value.message
    assert "is there a network?" in str(caught.value.hint)
    assert "install a released onebin" in str(caught.value.hint)


def test_cache_of_uv_that_cannot_be_written_is_named(bench: Bench, tmp_path: Path) -> None:
    """If uv cannot write to its cache, the hint is about that, and no package is blamed for it."""
    bench.manifest("greet-hello", ROW)
    (tmp_path / "file").touch()
    env = {"UV_CACHE_DIR": str(tmp_path / "file" / "six")}
    refusal = bench.refuses("lock", error=LockError, env=env, may_write=())
    assert "set UV_CACHE_DIR to another one" in refusal.hint
    assert refusal.findings == ()


def test_login_of_an_index_that_a_file_names_has_its_variables(bench: Bench, index: Index, tmp_path: Path) -> None:
    """An index that is named in the project's uv.toml gets its login from the same variables as any other."""
    bench.manifest("greet-hello", ROW)
    index.login = "me:secret-word"
    text = f'[[index]]\nname = "my-own"\nurl = "{index.url}"\n'
    bench.directory.joinpath("uv.toml").write_text(text, "utf-8")
    env = {"UV_CACHE_DIR": str(tmp_path / "uv"), "UV_HTTP_RETRIES": "0"}
    said = bench.refuses("lock", error=LockError, env=env, may_write=())
    said.says("needs credentials (HTTP 401)", hint="UV_INDEX_MY_OWN_USERNAME and UV_INDEX_MY_OWN_PASSWORD")
    given = {"UV_INDEX_MY_OWN_USERNAME": "me", "UV_INDEX_MY_OWN_PASSWORD": "wrong-word"}
    said = bench.refuses("lock", error=LockError, env={**env, **given}, may_write=())
    said.says("rejects the credentials it got (HTTP 401)", hint="correct its credentials")
