"""`onebin fetch` and `onebin upgrade` with a service that does wrong what a real one would not: nothing is believed."""

from __future__ import annotations

import json
import stat
import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

import onebin
from onebin.errors import (
    ArtifactError,
    CatalogueError,
    OnebinError,
    PackError,
    ServiceError,
    SignatureError,
    VerifyError,
)
from support.attested import Key
from support.false_services import BUILD, as_error, as_json, card_of, event, make_certificate, offer, serving
from support.farms import free_port

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from support.bench import Bench, Refusal
    from support.false_services import Service
    from support.processes import Result

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the artifact is for linux-x86_64")
FILE = f"GET /builds/{BUILD}/files/x"


@pytest.fixture
def key(tmp_path: Path) -> Key:
    """Return the key of the service."""
    return Key.make(tmp_path)


@pytest.fixture
def service(tmp_path: Path, key: Key) -> Iterator[Service]:
    """Return a service that has built `x` with the plugin `index`."""
    with serving(tmp_path / "served", key) as made:
        yield made


@pytest.fixture
def home(bench: Bench, tmp_path: Path) -> Bench:
    """Return a bench with a folder for configuration of its own."""
    return replace(bench, env={"XDG_CONFIG_HOME": str(tmp_path / "config"), "no_proxy": "127.0.0.1"})


ASKED = ("x", "--with", "index", "--platform", "linux-x86_64")


def fetched(home: Bench, service: Service, *options: str | Path) -> Result:
    """Fetch, and expect that all of it is there."""
    done = home.accepts("fetch", service.url, *ASKED, "-o", "x", *options)
    file = home.directory / "x"
    assert file.read_bytes() == service.files["x"]
    assert stat.S_IMODE(file.stat().st_mode) & 0o700 == 0o700
    return done


def refused(home: Bench, service: Service, *options: str | Path, error: type[OnebinError]) -> Refusal:
    """Fetch in place of an earlier file, and expect one clear error that leaves everything as it was."""
    (home.directory / "x").write_bytes(b"earlier")
    return home.refuses("fetch", service.url, *ASKED, "-o", "x", *options, error=error, may_write=())


def test_a_cut_download_goes_on_where_it_ended(home: Bench, service: Service) -> None:
    """After two lost connections, only what is missing is asked for."""
    size = len(service.files["x"])
    service.cut_at = [size // 3, size // 2]
    fetched(home, service)
    ranges = [each.headers.get("range") for each in service.asked("GET", FILE.removeprefix("GET "))]
    assert ranges == [None, f"bytes={size // 3}-", f"bytes={size // 2}-"]


def test_a_service_without_ranges_sends_it_all_again(home: Bench, service: Service) -> None:
    """An answer with the whole file does not follow what was there."""
    service.cut_at, service.takes_ranges = [len(service.files["x"]) // 2], False
    fetched(home, service)


def test_another_part_than_asked_for_is_refused(home: Bench, service: Service) -> None:
    """A service that sends another range is told so."""
    service.cut_at, service.range_error = [100], 1
    refused(home, service, error=ServiceError).says("another part of the file than was asked for", hint="ask again")


@pytest.mark.parametrize("change", ["another byte", "longer", "shorter"])
def test_other_bytes_are_refused(home: Bench, service: Service, change: str) -> None:
    """A file of the right length but with another digest, or of another length, is not put in place."""
    whole = service.files["x"]
    service.files["x"] = {"another byte": b"?" + whole[1:], "longer": whole * 2, "shorter": whole[:-1]}[change]
    said = refused(home, service, error=ArtifactError if change == "another byte" else ServiceError)
    said.says("than it had announced", hint="ask again")


def test_a_stream_that_breaks_is_resumed(home: Bench, service: Service) -> None:
    """The place in the queue is shown; no line of the log is shown twice or lost, and the last number is asked from."""
    service.build |= {"state": "queued", "position": 2}
    building = {**service.build, "state": "running", "position": None, "step": "lock", "doing": "resolving"}
    service.streams = [
        event("state", building) + event("log", {"at": "", "text": "lock: 3 packages"}, 1) + b"event: log\ndata: {",
        event("log", {"at": "", "text": "freeze: done"}, 2),
    ]
    done = fetched(home, service)
    assert [done.err.count(text) for text in ("lock: 3 packages", "freeze: done")] == [1, 1]
    assert "build: waiting in the queue: 2 builds before it" in done.err
    streams = service.asked("GET", f"/builds/{BUILD}/events")
    assert [each.headers.get("last-event-id") for each in streams] == [None, "1", "2"]


def test_a_build_that_fails_is_told_with_all_that_is_known(home: Bench, service: Service) -> None:
    """Stage, plugin, findings and hint of the service are shown as those of onebin, with nothing a terminal obeys."""
    finding = {"where": "bundle.toml: plugins.index", "message": "it is \x1b[31mred", "hint": "paint it", "line": 3}
    error = {
        "stage": "check",
        "message": "one of them\x1b]0;title\x07 is bad",
        "hint": "leave it out",
        "plugins": ["index"],
        "findings": [finding],
    }
    service.build |= {"state": "failed", "error": error, "files": {}, "sha256": None, "size": None}
    said = refused(home, service, error=ServiceError)
    said.says("the build of x failed at check, because of index", hint="leave it out")
    said.says("plugins.index: it is ?[31mred", hint="paint it")
    assert "\x1b" not in said.err
    data = json.loads(home.run("fetch", service.url, *ASKED, "-o", "x", "--json").out)
    assert (data["error"]["class"], data["error"]["exit_code"]) == ("ServiceError", 24)
    assert data["error"]["findings"][0]["plugin"] == "index"


def test_a_busy_service_is_asked_again_when_it_says(home: Bench, service: Service) -> None:
    """Retry-After is honoured for both statuses, and said."""
    busy = as_error(429, "you wait for 8 builds already")
    service.faults = {
        "POST /builds": [(busy[0], {**busy[1], "Retry-After": "1"}, busy[2])],
        "GET /key": [(503, {"Retry-After": "1"}, b"")],
    }
    done = fetched(home, service)
    assert "you wait for 8 builds already; asking again in 1 s" in done.err
    assert len(service.asked("POST", "/builds")) == len(service.asked("GET", "/key")) == 2


def test_patience_has_an_end(service: Service, tmp_path: Path) -> None:
    """A service that stays busy for too long is an error, with what it says."""
    service.lasting = {"POST /builds": as_error(503, "it stops")}
    client = onebin.ServiceClient(patience=1.5, config_dir=tmp_path / "config", cache_dir=tmp_path / "cache")
    request = onebin.FetchRequest(service=service.url, host="x", output=tmp_path / "x", client=client)
    with pytest.raises(ServiceError, match="it stops"):
        onebin.fetch(request)
    assert len(service.asked("POST", "/builds")) > 1


def test_a_stream_is_resumed_however_long_it_lasted(service: Service, tmp_path: Path) -> None:
    """Patience begins when nothing is heard any more, and not when the wait began."""
    service.build["state"] = "queued"
    service.streams, service.stream_seconds = [event("state", service.build)], 2.5
    client = onebin.ServiceClient(patience=1.5, config_dir=tmp_path / "config", cache_dir=tmp_path / "cache")
    request = onebin.FetchRequest(service=service.url, host="x", output=tmp_path / "x", client=client)
    assert onebin.fetch(request).is_new
    assert len(service.asked("GET", f"/builds/{BUILD}/events")) == 2


def test_nobody_there(home: Bench) -> None:
    """Where nobody listens, that is said at once."""
    url = f"http://127.0.0.1:{free_port()}"
    done = home.refuses("fetch", url, *ASKED, error=ServiceError, may_write=(), seconds=20)
    done.says(f"{url} cannot be reached: Connection refused", hint="check the address")


@pytest.mark.parametrize(
    ("answer", "words", "hint"),
    [
        ((200, {}, b"<html>a wiki</html>"), "does not answer like a build service", "check the address"),
        ((200, {}, b"[" * 100_000), "does not answer like a build service", "check the address"),
        ((200, {}, b" " * 5_000_000), "does not end", "check the address"),
        ((404, {}, b"<html>"), "perhaps no build service", "check the address"),
        ((302, {"Location": "https://evil.example/"}, b""), "leads to another address", "https://evil.example/"),
        ((401, {}, b""), "denied access", "ONEBIN_TOKEN"),
        (as_error(401, "a token is needed"), "a token is needed", "ONEBIN_TOKEN"),
        (as_json({"id": "../../etc", "state": "done", "order": {}}), "does not answer like a build", "address"),
    ],
    ids=["page", "deep", "huge", "nothing", "redirect", "closed", "token", "name"],
)
def test_what_is_no_answer_is_refused(home: Bench, service: Service, answer: Any, words: str, hint: str) -> None:
    """Whatever else is there, it is said in a line, with a hint."""
    service.lasting = {"POST /builds": answer}
    refused(home, service, error=ServiceError).says(words, hint=hint)
    assert len(service.asked("POST", "/builds")) == 1


def test_what_is_not_on_offer_is_an_error_of_the_catalogue(home: Bench, service: Service) -> None:
    """The findings of the service are shown, and the exit code is that of a catalogue."""
    finding = {"where": "plugins", "message": "no plugin indx", "hint": "did you mean index?"}
    service.lasting = {"POST /builds": as_error(422, "the catalogue does not offer this", findings=[finding])}
    refused(home, service, error=CatalogueError).says("no plugin indx", hint="did you mean index?")


@pytest.mark.parametrize("url", ["http://127.0.0.1:1/x", "//example.org/x", "ftp://127.0.0.1/x", "file:///etc/passwd"])
def test_files_elsewhere_are_not_asked_for(home: Bench, service: Service, url: str) -> None:
    """An artifact must come from the service's own server."""
    service.build["files"]["artifact"] = url
    refused(home, service, error=ServiceError).says("on another server", hint="tell whoever runs the service")


def test_an_event_without_an_end_is_refused(home: Bench, service: Service) -> None:
    """A stream cannot fill the memory."""
    service.build["state"] = "running"
    service.streams = [b"data: " + b"x" * 3_000_000]
    refused(home, service, error=ServiceError).says("does not end", hint="ask again")
    assert service.asked("DELETE", f"/builds/{BUILD}")  # it does not wait there any more


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        ({"bundle": {"name": "y"}}, "'y' instead of 'x'"),
        ({"plugins": []}, "the plugin index is not in it"),
        ({"python": "3.13.0"}, "Python 3.13.0 instead of 3.12"),
        (
            {"interpreter": {"implementation": "CPython", "version": "3.12.1", "platform": "win-amd64"}},
            "it is for win-amd64, not for linux-x86_64",
        ),
    ],
    ids=["host", "plugin", "python", "platform"],
)
def test_another_file_than_asked_for_is_refused(
    home: Bench, service: Service, tmp_path: Path, key: Key, facts: Any, words: str
) -> None:
    """Also one that is signed with the right key."""
    offer(service, tmp_path / "other", key, card_of(**facts))
    refused(home, service, error=ServiceError).says("did not build what it was asked for", words, hint="do not trust")


def test_another_order_than_asked_for_is_refused(home: Bench, service: Service) -> None:
    """A service that answers for another platform is refused, though its file is what it says."""
    service.build["order"]["platform"] = "linux-aarch64"
    refused(home, service, error=ServiceError).says("'linux-aarch64' instead of 'linux-x86_64'", hint="do not trust")


def test_a_damaged_file_is_refused(home: Bench, service: Service, tmp_path: Path, key: Key) -> None:
    """What the service announces is not believed: the file must be whole by its own card."""
    import hashlib

    damaged = service.files["x"][:20] + b"?" + service.files["x"][21:]
    service.files["x"] = damaged
    service.build["sha256"] = hashlib.sha256(damaged).hexdigest()
    refused(home, service, error=ArtifactError).says("x is damaged", hint="do not run it")


def test_a_stranger_signed_it(home: Bench, service: Service, tmp_path: Path) -> None:
    """The provenance must be signed with the key of the service."""
    stranger = Key.make(tmp_path, "stranger")
    offer(service, tmp_path / "other", stranger, card_of())
    refused(home, service, error=SignatureError).says("x.intoto.jsonl is signed with another key", hint="--key")


def test_provenance_of_another_file(home: Bench, service: Service, tmp_path: Path, key: Key) -> None:
    """Provenance that the right key has signed for another file proves nothing."""
    provenance = service.files["x.intoto.jsonl"]
    offer(service, tmp_path / "other", key, card_of(version="2"))
    service.files["x.intoto.jsonl"] = provenance
    refused(home, service, error=VerifyError).says("no subject of it is x", hint="download both again")


def test_not_signed_though_the_service_has_a_key(home: Bench, service: Service) -> None:
    """A file without provenance and signature is refused, and taken with --no-key, with a note."""
    del service.build["files"]["provenance"]
    refused(home, service, error=SignatureError).says("has not signed what it built", hint="--no-key")
    done = fetched(home, service, "--no-key")
    assert "note: no signature is checked" in done.err
    assert not (home.directory / "x.intoto.jsonl").exists()


def test_a_service_without_a_key(home: Bench, tmp_path: Path) -> None:
    """It is used, and that nothing proves anything is said."""
    with serving(tmp_path / "plain", None) as service:
        done = fetched(home, service)
        assert f"note: {service.url} signs nothing" in done.err
        assert json.loads(fetched(home, service, "--json").out)["signed_by"] is None


def test_the_first_key_is_kept_and_another_one_refused(home: Bench, service: Service, tmp_path: Path, key: Key) -> None:
    """The first key is said and kept; another key, or none, is refused before a build; a given key replaces it."""
    known = tmp_path / "config" / "onebin" / "known_services"
    done = fetched(home, service)
    assert f"from now on, {service.url} must sign with {key.fingerprint}" in done.err
    assert known.read_text("utf-8").startswith(f"{service.url} ssh-ed25519 ")
    assert "from now on" not in fetched(home, service).err
    before = known.read_bytes()
    asked = len(service.asked("POST", "/builds"))
    other = Key.make(tmp_path, "other")
    offer(service, tmp_path / "served", other, card_of(version="2"))
    for shown in (other.public_file.read_bytes(), None):
        service.public_key = shown
        said = refused(home, service, error=SignatureError)
        said.says(f"the key of {service.url} is not the one that it had, {key.fingerprint}", hint="ask its owner")
    assert other.fingerprint in refused_with(home, service, other).err
    assert known.read_bytes() == before
    assert len(service.asked("POST", "/builds")) == asked
    done = fetched(home, service, "--key", other.public_file)
    assert other.fingerprint in done.err
    service.public_key = other.public_file.read_bytes()
    fetched(home, service)
    assert len(known.read_text("utf-8").splitlines()) == 1


def refused_with(home: Bench, service: Service, key: Key) -> Refusal:
    """Fetch from a service that shows another key than before."""
    service.public_key = key.public_file.read_bytes()
    return refused(home, service, error=SignatureError)


def test_the_wrong_key_is_given(home: Bench, service: Service, tmp_path: Path) -> None:
    """With --key, nothing else counts, and nothing is kept."""
    stranger = Key.make(tmp_path, "stranger")
    refused(home, service, "--key", stranger.public_file, error=SignatureError).says(
        "signed with another key", hint="--key"
    )
    assert not (tmp_path / "config").exists()


def test_a_damaged_list_of_keys_is_told_with_its_line(home: Bench, service: Service, tmp_path: Path) -> None:
    """A line that is no key is not skipped: the service would be trusted anew."""
    known = tmp_path / "config" / "onebin" / "known_services"
    known.parent.mkdir(parents=True)
    known.write_text(f"# mine\n{service.url} ssh-ed25519 nonsense\n", "utf-8")
    refused(home, service, error=SignatureError).says("known_services:2 cannot be used", hint="copy the whole line")


def test_plain_http_to_another_machine_needs_a_key(home: Bench) -> None:
    """Without encryption, nothing is believed, and nobody is asked."""
    done = home.refuses("fetch", "http://builds.invalid", *ASKED, error=SignatureError, may_write=(), seconds=20)
    done.says("is not encrypted", hint="--key FILE, or use https://")


def test_encryption_must_be_right(home: Bench, key: Key, tmp_path: Path) -> None:
    """A certificate that nobody knows is refused, unless SSL_CERT_FILE names it; so is an address of the wrong kind."""
    certificate = make_certificate(tmp_path / "certificate.pem")
    with serving(tmp_path / "served", key, certificate=certificate) as service:
        asked = (*ASKED, "-o", "x")
        done = home.refuses("fetch", service.url, *asked, error=ServiceError, may_write=())
        done.says(f"the certificate of {service.url} cannot be trusted: self", hint="SSL_CERT_FILE")
        plain = service.url.replace("https:", "http:")
        done = home.refuses("fetch", plain, *asked, error=ServiceError, may_write=(), seconds=60)
        done.says(plain, hint="check the address")
        assert not service.seen
        home.accepts("fetch", service.url, *asked, env={"SSL_CERT_FILE": str(certificate)})
        assert (home.directory / "x").read_bytes() == service.files["x"]


def test_a_service_without_encryption_is_asked_with_it(home: Bench, service: Service) -> None:
    """The error says which of the two addresses it may be."""
    url = service.url.replace("http:", "https:")
    done = home.refuses("fetch", url, *ASKED, error=ServiceError, may_write=())
    done.says(f"there is no encrypted connection to {url}", hint="write http:// instead")


def test_proxies_on_both_sides_are_used(home: Bench, service: Service, key: Key) -> None:
    """Every request goes to the proxy of the environment, below the path at which the service's own proxy has it."""
    asked = ("fetch", "http://builds.invalid/prefix", *ASKED, "-o", "x", "--key", key.public_file)
    home.accepts(*asked, env={"http_proxy": service.url})
    assert {each.headers["host"] for each in service.seen} == {"builds.invalid"}
    assert all(each.raw.startswith("http://builds.invalid/prefix/") for each in service.seen)


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("builds.example.org", "does not begin with http"),
        ("ftp://example.org", "does not begin with http"),
        ("https://me:secret@example.org", "contains a login"),
        ("https://example.org/hosts/ds?plugin=a", "is that of a page"),
        ("https://[::1", "is not an address"),
        ("https://", "names no server"),
        ("https://example.org:port", "is not an address"),
    ],
)
def test_addresses_that_are_none(home: Bench, url: str, words: str) -> None:
    """What is wrong with an address is said, and nobody is asked."""
    home.refuses("fetch", url, "x", error=ServiceError, may_write=()).says(words, hint="")


@pytest.mark.parametrize("host", ["../x", "x/../../y", "", "-", "x\n", "/etc/passwd"])
def test_names_of_hosts_are_no_paths(home: Bench, service: Service, host: str) -> None:
    """A name with anything else in it is refused before anything is asked."""
    home.refuses("fetch", service.url, "--", host, error=ServiceError, may_write=()).says("not the name", hint="page")
    assert not service.seen


def test_something_else_is_not_replaced_by_default(home: Bench, service: Service) -> None:
    """Only with -o, a file that is no artifact is replaced; a folder is not."""
    (home.directory / "x").write_bytes(b"mine")
    done = home.refuses("fetch", service.url, *ASKED, error=PackError, may_write=())
    done.says("is there already, and is not an artifact", hint="-o")
    (home.directory / "folder").mkdir()
    done = home.refuses("fetch", service.url, *ASKED, "-o", "folder", error=PackError, may_write=())
    done.says("something else than a file is there", hint="-o")
    assert not service.asked("POST", "/builds")


def test_this_machine_is_not_on_offer(home: Bench, service: Service) -> None:
    """Without --platform, it is for this machine, or an error that names the others."""
    service.catalogue["hosts"][0]["platforms"] = ["windows-x86_64", "macos-arm64"]
    done = home.refuses("fetch", service.url, "x", error=ServiceError, may_write=())
    done.says("x is not offered for linux-", hint="--platform, such as windows-x86_64, macos-arm64")


def test_a_token_is_sent_and_not_shown(home: Bench, service: Service, tmp_path: Path) -> None:
    """It comes from the environment or a file; one with odd characters is refused, and none is printed."""
    file = tmp_path / "token"
    file.write_text("s3cret-file\n", "utf-8")
    fetched(home, service, "--token-file", file)
    assert service.asked("POST", "/builds")[-1].headers["authorization"] == "Bearer s3cret-file"
    done = home.accepts("fetch", service.url, *ASKED, "-o", "x", "-v", env={"ONEBIN_TOKEN": "s3cret"})
    assert service.asked("POST", "/builds")[-1].headers["authorization"] == "Bearer s3cret"
    assert "s3cret" not in done.err + done.out
    file.write_text("two words", "utf-8")
    refused(home, service, "--token-file", file, error=ServiceError).says("the token has spaces", hint="check")


def test_upgrade_of_a_file_whose_service_is_not_known(home: Bench, service: Service) -> None:
    """Without provenance there is no address; one of a build at home names no service."""
    fetched(home, service)
    beside = home.directory / "x.intoto.jsonl"
    provenance = beside.read_bytes()
    beside.unlink()
    done = home.refuses("upgrade", "x", error=ServiceError, may_write=())
    done.says("it is not known which service", "x.intoto.jsonl is missing", hint="--service URL")
    home.accepts("upgrade", "x", "--service", service.url)
    beside.write_bytes(provenance)
    home.accepts("upgrade", "x")


def test_provenance_does_not_lead_a_token_away(home: Bench, service: Service, tmp_path: Path, key: Key) -> None:
    """A service that only a file names gets no token before it is known, and must have signed that file."""
    fetched(home, service, "--no-key")
    done = home.accepts("upgrade", "x", env={"ONEBIN_TOKEN": "s3cret"})
    assert f"note: the token is not sent to {service.url}" in done.err
    assert not [each for each in service.seen if "authorization" in each.headers]
    stranger = Key.make(tmp_path, "stranger")
    service.public_key = stranger.public_file.read_bytes()
    done = home.refuses("upgrade", "x", error=SignatureError, may_write=())
    done.says("x.intoto.jsonl is signed with another key", hint="--key")
    service.public_key = key.public_file.read_bytes()
    fetched(home, service)  # from now on, it is known
    service.seen.clear()
    home.accepts("upgrade", "x", env={"ONEBIN_TOKEN": "s3cret"})
    assert service.asked("POST", "/builds")[0].headers["authorization"] == "Bearer s3cret"


def test_upgrade_replaces_what_a_link_leads_to(home: Bench, service: Service, tmp_path: Path, key: Key) -> None:
    """A link stays a link; mode and provenance are kept and replaced."""
    fetched(home, service)
    (home.directory / "x").chmod(0o700)
    link = home.directory / "bin"
    link.symlink_to("x")
    offer(service, tmp_path / "served", key, card_of(version="2"))
    done = home.accepts("upgrade", "bin")
    assert "index" in done.out
    assert "1 -> 2" in done.out
    assert link.is_symlink()
    assert (home.directory / "x").read_bytes() == service.files["x"]
    assert stat.S_IMODE((home.directory / "x").stat().st_mode) == 0o700
    assert (home.directory / "x.intoto.jsonl").read_bytes() == service.files["x.intoto.jsonl"]


def test_upgrade_of_a_link_that_leads_to_itself(home: Bench, service: Service) -> None:
    """It is one error, and not the exit code 1, which says that there is something newer."""
    (home.directory / "x").symlink_to("x")
    done = home.refuses("upgrade", "x", "--service", service.url, "--check", error=ArtifactError, may_write=())
    done.says("cannot read x", "symbolic links", hint="")


def test_a_file_that_cannot_be_written_is_named_as_the_user_does(
    home: Bench, service: Service, tmp_path: Path, key: Key
) -> None:
    """At each byte at which the disk may be full, the error names the target, and nothing is left beside it."""
    fetched(home, service)
    offer(service, tmp_path / "served", key, card_of(version="2"))
    for missing in (1, 9000):
        under = ["prlimit", f"--fsize={len(service.files['x']) - missing}"]
        done = home.refuses("fetch", service.url, *ASKED, error=PackError, under=under, may_write=())
        done.says("cannot write x: ", hint="-o")
        done = home.refuses("upgrade", "x", error=PackError, under=under, may_write=())
        done.says("cannot write x: ", hint="copy it to another place, and upgrade that")


def test_upgrade_does_not_go_back(home: Bench, service: Service, tmp_path: Path, key: Key) -> None:
    """An older plugin is refused, though it is signed: the service was set back, or somebody plays old answers."""
    offer(service, tmp_path / "served", key, card_of(version="1.10"))
    fetched(home, service)
    offer(service, tmp_path / "served", key, card_of(version="1.9"))
    for options in ((), ("--check",)):
        done = home.refuses("upgrade", "x", *options, error=ServiceError, may_write=())
        done.says("older versions than the file: index 1.10 -> 1.9", hint="the file is unchanged")


def test_check_says_what_is_newer(home: Bench, service: Service, tmp_path: Path, key: Key) -> None:
    """With --check nothing is downloaded but the card, and the exit code is 1 if there is something newer."""
    fetched(home, service)
    before = home.snapshot()
    assert "nothing newer" in home.accepts("upgrade", "--check", "x").out
    offer(service, tmp_path / "served", key, card_of(version="2"))
    done = home.run("upgrade", "--check", "x", "--json")
    assert done.code == 1, done.err
    data = json.loads(done.out)
    assert data["newer"]
    assert data["changes"] == [{"kind": "plugin", "name": "index", "old": "1", "new": "2"}]
    assert len(service.asked("GET", FILE.removeprefix("GET "))) == 1
    assert home.snapshot() == before
