"""Every parser with its samples, and with damaged data."""

from __future__ import annotations

import io
import tomllib
from collections import Counter
from typing import TYPE_CHECKING, Any

from hypothesis import given, settings, strategies as st
from logscan.contract import Fault, Parser, Record
from sample_logs import generate

from .example import (
    FORMAT_OF,
    PARSERS,
    PLUGINS,
    PROJECTS,
    ROOT,
    SAMPLE_ENTRIES,
    SAMPLE_SEED,
    SAMPLES,
    every_format,
    every_sample,
    is_fault,
    parse,
    parser,
    place,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def test_generator_is_deterministic(tmp_path: Path) -> None:
    """The same seed gives the same bytes, and another seed gives other bytes."""
    for directory, seed in (("a", 7), ("b", 7), ("c", 8)):
        generate(tmp_path / directory, seed=seed, entries=120)
    for file in FORMAT_OF:
        first, same, other = ((tmp_path / directory / file).read_bytes() for directory in "abc")
        assert first == same
        assert first != other


def test_committed_samples_are_up_to_date(tmp_path: Path) -> None:
    """The samples in the repository are the files that `python -m sample_logs` writes."""
    generate(tmp_path, seed=SAMPLE_SEED, entries=SAMPLE_ENTRIES)
    for file in FORMAT_OF:
        assert (SAMPLES / file).read_bytes() == (tmp_path / file).read_bytes()


def test_parsers_find_all_generated_records_and_faults(tmp_path: Path) -> None:
    """Every record that the generator wrote is found with its level, and every fault at its place."""
    for written in generate(tmp_path, seed=3, entries=2000):
        items = parse(FORMAT_OF[written.file.name], written.file.read_bytes())
        assert len(written.faults) >= 40
        assert tuple(place(item) for item in items if is_fault(item)) == written.faults
        assert Counter(item.level for item in items if not is_fault(item)) == written.levels


@every_sample
def test_sniffing_finds_the_right_format(file: str) -> None:
    """For every sample, its own parser is the only one that returns 0.5 or more."""
    head = (SAMPLES / file).read_bytes()[: 64 * 1024]
    scores = {name: parser(name).sniff(head) for name in PARSERS}
    assert [name for name, score in scores.items() if score >= 0.5] == [FORMAT_OF[file]]


@every_sample
def test_sniffing_works_with_a_head_cut_anywhere(file: str) -> None:
    """A head that ends inside a line, a character or a record is recognised."""
    data = (SAMPLES / file).read_bytes()
    for size in range(6000, 6040):
        assert parser(FORMAT_OF[file]).sniff(data[:size]) >= 0.5


@every_format
def test_parsers_satisfy_the_contract(name: str) -> None:
    """Every parser is a `Parser` of the host, and has the name of its entry point."""
    assert isinstance(parser(name), Parser)
    assert parser(name).name == name


@every_sample
def test_one_parser_reads_two_files_at_once(file: str) -> None:
    """A parser that reads two files at once finds the same in both."""
    data, shared = (SAMPLES / file).read_bytes(), parser(FORMAT_OF[file])
    both = zip(shared.parse(io.BytesIO(data)), shared.parse(io.BytesIO(data)), strict=True)
    assert all(first == second for first, second in both)


def test_manifests_contain_the_projects() -> None:
    """The manifest at the root bundles this host with all its plugins, and the lite one with two of them."""
    for file, count in {"bundle.toml": 5, "bundle.lite.toml": 2}.items():
        manifest = tomllib.loads((ROOT / file).read_text(encoding="utf-8"))
        plugins = {name: ROOT / plugin["path"] for name, plugin in manifest["plugins"].items()}
        assert ROOT / manifest["host"]["path"] == PROJECTS["logscan"]
        assert plugins.items() <= PLUGINS.items()
        assert len(plugins) == count


def test_plugins_depend_on_the_version_of_the_contract() -> None:
    """Every plugin depends on the major version of logscan whose contract it implements."""
    for project in PLUGINS.values():
        declared = tomllib.loads((project / "pyproject.toml").read_text(encoding="utf-8"))["project"]["dependencies"]
        assert "logscan>=2,<3" in declared


def check_items(items: list[Any], data: bytes) -> None:
    """Assert that all items are records or faults, and that their places exist and are in ascending order."""
    assert all(isinstance(item, Record | Fault) for item in items)
    places = [place(item) for item in items]
    assert places == sorted(places)
    lines = [item.line for item in items if item.line is not None]
    assert all(1 <= line <= len(data.splitlines()) + 1 for line in lines)
    assert all(0 <= item.offset < len(data) for item in items if item.offset is not None)


# How files of these formats start, and what has a meaning in them.
TOKENS = (
    *(b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff", b"\xff\xfe\0\0", b"<\0", b"\0<", b"\n", b"\r\n", b"\0", b"\xff"),
    *(b'"', b"'", b"\\", b",", b";", b"\t", b"sep=;\n", b"time,level,message\n", b'{"a":', b"[", b"}"),
    *(
        b'<?xml version="1.0" encoding="',
        b"utf-16",
        b"punycode",
        b'"?>',
        b"<Events>",
        b"<Event ",
        b"<log4j:event ",
        "<é:event ".encode(),
        b">",
    ),
    *(b'timestamp="1"', b"<!DOCTYPE a [", b'<!ENTITY b "&b;">', b"&b;", b"<![CDATA[", b"]]>", b"</Event>", b"<!--"),
    *(b"\xd4\xc3\xb2\xa1\x02\0\x04\0", b"\xa1\xb2\x3c\x4d\0\x02\0\x04", b"\0" * 16, b"\x01\0\0\0", b"\x07\0\0\0"),
)


@every_format
@settings(deadline=None, max_examples=60)
@given(
    data=st.one_of(st.binary(max_size=1000), st.lists(st.sampled_from(TOKENS) | st.binary(max_size=40)).map(b"".join))
)
def test_arbitrary_bytes_never_raise(name: str, data: bytes) -> None:
    """No bytes make a parser raise, and `sniff` always returns a number from 0 to 1."""
    check_items(parse(name, data), data)
    assert 0 <= parser(name).sniff(data) <= 1


def damaged(data: bytes, draw: Callable[[st.SearchStrategy[Any]], Any]) -> bytes:
    """Return the data of a file with pieces removed, overwritten and repeated."""
    for _ in range(draw(st.integers(1, 5))):
        start, size = draw(st.integers(0, len(data))), draw(st.integers(0, 400))
        noise = draw(st.sampled_from(TOKENS) | st.binary(max_size=8) | st.just(data[: 2 * size]))
        data = data[:start] + noise + data[start + size :]
    return data


@every_sample
@settings(deadline=None, max_examples=60)
@given(data=st.data())
def test_damaged_logs_never_raise(file: str, data: st.DataObject) -> None:
    """A log with pieces removed, overwritten and repeated makes neither its parser nor any `sniff` raise."""
    log = damaged((SAMPLES / file).read_bytes()[:4000], data.draw)
    check_items(parse(FORMAT_OF[file], log), log)
    assert all(0 <= parser(name).sniff(log) <= 1 for name in PARSERS)


@settings(deadline=None, max_examples=200)
@given(data=st.binary(max_size=2000))
def test_noise_is_not_recognised(data: bytes) -> None:
    """Random bytes are not recognised as any format, unless they happen to start with a magic number of pcap."""
    scores = {name: parser(name).sniff(data) for name in PARSERS}
    assert max(scores.values()) < 0.5 or data[:4] in {b"\xd4\xc3\xb2\xa1", b"\xa1\xb2\xc3\xd4"}


@every_sample
@settings(deadline=None, max_examples=20)
@given(data=st.data())
def test_records_before_a_cut_are_read(file: str, data: st.DataObject) -> None:
    """A truncated file gives the same records as the whole file, up to the cut.

    The cut leaves enough lines to find the dialect: an open quote among only nine rows would mislead that.
    """
    log = (SAMPLES / file).read_bytes()
    whole = [item for item in parse(FORMAT_OF[file], log) if not is_fault(item)]
    cut = log[: data.draw(st.integers(min(len(log), 2000), len(log)))]
    records = [item for item in parse(FORMAT_OF[file], cut) if not is_fault(item)]
    # A record is certain only if the next one starts before the cut: an open quote may contain the next line, or not.
    certain = sum(_starts_in(item, cut) for item in whole[1:])
    assert records[:certain] == whole[:certain]


def _starts_in(record: Any, cut: bytes) -> bool:
    return record.line <= cut.count(b"\n") if record.line is not None else (record.offset or 0) < len(cut)
