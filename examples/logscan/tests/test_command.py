"""The command `logscan`, installed from wheels and run as a user runs it."""

from __future__ import annotations

import contextlib
import gzip
import os
import select
import signal
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from sample_logs import generate

from .example import FORMAT_OF, SAMPLE_ENTRIES, SAMPLE_SEED, SAMPLES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .command import Logscan


@pytest.mark.network
def test_version_is_that_of_the_distribution(logscan: Logscan) -> None:
    """`--version` prints the version of the installed distribution."""
    assert logscan("--version").out == "logscan 2.0.0\n"


@pytest.mark.network
def test_formats_lists_distribution_and_description(logscan: Logscan) -> None:
    """`formats` lists every format with its distribution, version and description, as text and as JSON."""
    listed = logscan("formats", "--json").json
    assert [(each["name"], each["distribution"], each["version"]) for each in listed] == [
        ("combined", "logscan-text", "2.0.0"),
        ("csv", "logscan-csv", "2.0.0"),
        ("jsonl", "logscan-jsonl", "2.0.0"),
        ("pcap", "logscan-binary", "2.0.0"),
        ("syslog", "logscan-text", "2.0.0"),
        ("utmp", "logscan-binary", "2.0.0"),
        ("xml", "logscan-xml", "2.0.0"),
    ]
    lines = logscan("formats").out.splitlines()
    assert len(lines) == 8
    for each, line in zip(listed, lines[1:], strict=True):
        assert each["description"].startswith(line.split("  ")[-1].strip().removesuffix("..."))
    assert max(map(len, lines)) <= 80


@pytest.mark.network
def test_scan_reports_every_sample(logscan: Logscan, tmp_path: Path) -> None:
    """`scan --json` recognises all samples and reports what the generator wrote, in the order of the arguments."""
    written = generate(tmp_path, seed=SAMPLE_SEED, entries=SAMPLE_ENTRIES)
    done = logscan("scan", "--json", *FORMAT_OF)
    assert (done.code, done.err) == (0, "")
    for (file, format_name), report, expected in zip(FORMAT_OF.items(), done.json, written, strict=True):
        assert (report["file"], report["format"]) == (file, format_name)
        assert report["records"] == sum(expected.levels.values()) == sum(report["timeline"]["records"])
        assert {level: count for level, count in report["levels"].items() if count} == expected.levels
        unit = "offset" if format_name in {"utmp", "pcap"} else "line"
        assert tuple(fault[unit] for fault in report["faults"]["first"]) == expected.faults
        assert report["faults"]["count"] == len(expected.faults)


@pytest.mark.network
def test_scan_prints_a_report(logscan: Logscan) -> None:
    """The report of a sample is exactly this text, without colours if the output is not a terminal."""
    assert logscan("scan", "--top", "3", "app.jsonl").out == (
        "app.jsonl\n"
        "  format    jsonl\n"
        "  records   147\n"
        "  time      2024-05-06 08:00:03 to 2024-05-06 08:05:29 UTC\n"
        "  levels    critical         2    1.4 %\n"
        "            error            7    4.8 %\n"
        "            warning         10    6.8 %\n"
        "            info           106   72.1 %\n"
        "            debug           22   15.0 %\n"
        "  fields    service 147, request_id 147, duration_ms 147\n"
        "  top messages\n"
        "        79  info      request <uuid> served in <n> ms\n"
        "        27  info      user <text> signed in from <ip>\n"
        "        22  debug     cache hit for session <hex>\n"
        "                                            █\n"
        "              ▄▂ ▄▄▂▂ ▄▄ ▂▂▄▂▄ ▇▄ ▇▂▂▂▄▂▄▄▄▂█\n"
        "            █████████████████████████████████\n"
        "  errors       ▄ ▄   ▄█▄           ▄        █\n"
        "  over time 10 s each, up to 10 records, errors up to 2\n"
        "  faults: 3\n"
        "   line 50  not JSON at column 1: Expecting value\n"
        "  line 100  not a JSON object but an array\n"
        "  line 150  not JSON at column 47: Unterminated string\n"
    )


@pytest.mark.network
def test_faults_of_binary_files_have_offsets(logscan: Logscan) -> None:
    """A fault in a binary file has the offset of its record in place of a line."""
    out = logscan("scan", "wtmp").out
    assert " byte 9216  no such time: 1714982448 s and 2147483647 us\n" in out
    assert out.endswith("byte 28800  the last record is cut off: 100 bytes of 384\n")


@pytest.mark.network
def test_gzip_and_standard_input_give_the_same_report(logscan: Logscan, tmp_path: Path) -> None:
    """A file, the same file in gzip, and either of them on standard input give the same report."""
    data = (SAMPLES / "orders.csv").read_bytes()
    packed = tmp_path / "orders.csv.gz"
    packed.write_bytes(gzip.compress(data))
    plain, *others = logscan("scan", "--json", "orders.csv", packed, "-", stdin=data).json
    others += logscan("scan", "--json", "-", stdin=packed.read_bytes()).json
    assert [{**report, "file": "orders.csv"} for report in others] == [plain] * 3


@pytest.mark.network
def test_empty_file_has_an_empty_report(logscan: Logscan, tmp_path: Path) -> None:
    """A file that is empty or blank, or the gzip of an empty file, has a report without records."""
    contents = {"empty": b"", "blank": b"\n \r\n", "gzip": gzip.compress(b"")}
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
    files = [*(str(tmp_path / name) for name in contents), "-"]
    done = logscan("scan", "--json", *files)
    assert (done.code, done.err) == (0, "")
    assert done.json == [
        {
            "file": file,
            "format": None,
            "records": 0,
            "levels": dict.fromkeys(("critical", "error", "warning", "info", "debug", "unknown"), 0),
            "time": {"first": None, "last": None},
            "fields": {},
            "messages": {"top": [], "undercount": 0},
            "timeline": None,
            "faults": {"count": 0, "first": []},
        }
        for file in files
    ]


def unreadable_files(directory: Path) -> dict[str, str]:
    """Create files that cannot be read; return their names and the start of the error message for each."""
    packed = gzip.compress((SAMPLES / "app.jsonl").read_bytes())
    (directory / "directory").mkdir()
    (directory / "cut.gz").write_bytes(packed[:1000])
    (directory / "damaged.gz").write_bytes(packed[:-8] + b"\0" * 8)
    (directory / "notes.txt").write_bytes(b"hello\nworld\n")
    return {
        "missing.log": "no such file or directory",
        "directory": "is a directory",
        "cut.gz": "the gzip data ends too early",
        "damaged.gz": "the gzip data is damaged: ",
        "notes.txt": "no format recognises it; name one with --format (combined, csv, jsonl, pcap, syslog, utmp, xml)",
    }


@pytest.mark.network
def test_unreadable_files_are_reported_in_one_line_each(logscan: Logscan, tmp_path: Path) -> None:
    """Each unreadable file is one line of error, the other files are scanned, and the exit code is 2."""
    expected = unreadable_files(tmp_path)
    done = logscan("scan", "--json", *(tmp_path / name for name in expected), "app.jsonl")
    assert done.code == 2
    assert [report["file"] for report in done.json] == ["app.jsonl"]
    for line, (name, message) in zip(done.err.splitlines(), expected.items(), strict=True):
        assert line.startswith(f"logscan: {tmp_path / name}: {message}")


@pytest.mark.network
def test_unknown_format_has_a_suggestion(logscan: Logscan) -> None:
    """If a format is not installed, the command fails with a similar name and the list of formats."""
    done = logscan("scan", "--format", "jsnl", "app.jsonl")
    assert (done.code, done.out) == (2, "")
    assert done.err == (
        "logscan: no format 'jsnl' is installed; did you mean 'jsonl'? "
        "(installed: combined, csv, jsonl, pcap, syslog, utmp, xml)\n"
    )


@pytest.mark.network
def test_format_option_overrides_recognition(logscan: Logscan) -> None:
    """With `--format` a file is read as that format, even if every line is a fault."""
    done = logscan("scan", "--json", "--format", "jsonl", "access.log")
    assert (done.code, done.err) == (0, "")
    (report,) = done.json
    assert (report["format"], report["records"], report["faults"]["count"]) == ("jsonl", 0, 150)
    assert len(report["faults"]["first"]) == 20


@pytest.mark.network
@pytest.mark.parametrize("arguments", [(), ("scan",), ("scan", "--top", "-1", "x"), ("scan", "-", "-"), ("scna",)])
def test_wrong_usage_is_exit_code_2(logscan: Logscan, arguments: tuple[str, ...]) -> None:
    """Wrong arguments print the usage, and the exit code is 2."""
    done = logscan(*arguments)
    assert done.code == 2
    assert done.err.startswith("Usage: logscan")


@pytest.mark.network
def test_characters_missing_in_the_output_encoding_become_escapes(logscan: Logscan, tmp_path: Path) -> None:
    """A character that the encoding of the output lacks, such as a snowman in Latin-1, is printed as an escape."""
    file = tmp_path / "a.jsonl"
    file.write_text('{"msg": "gr\u00fc\u00df \u2603 \\ud800"}\n', encoding="utf-8")
    done = logscan("scan", file, env={"PYTHONUTF8": "0", "PYTHONIOENCODING": "iso8859-1"})
    assert done.code == 0
    assert r"gr\xfc\xdf \u2603 \ud800" in done.out


@pytest.mark.network
@pytest.mark.skipif(sys.platform == "win32", reason="Windows reports a broken pipe in other ways")
@pytest.mark.parametrize("mode", [(), ("--json",)])
def test_broken_pipe_ends_quietly(logscan: Logscan, mode: tuple[str, ...]) -> None:
    """If the reader of its output has gone, the command ends without an error message."""
    reader, writer = os.pipe()
    os.close(reader)
    try:
        done = logscan("scan", *mode, "app.jsonl", "orders.csv", stdout=writer)
    finally:
        os.close(writer)
    assert (done.code, done.err) == (1, "")


@pytest.mark.network
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
def test_full_disk_is_reported_in_one_line(logscan: Logscan) -> None:
    """If the output cannot be written, the command fails with one line of error."""
    with Path("/dev/full").open("wb") as full:
        done = logscan("scan", "app.jsonl", stdout=full.fileno())
    assert (done.code, done.err) == (2, "logscan: cannot write: No space left on device\n")


@pytest.mark.network
@pytest.mark.parametrize(("env", "has_colour"), [({}, True), ({"NO_COLOR": "1"}, False)])
def test_colours_are_for_terminals(logscan: Logscan, env: Mapping[str, str], *, has_colour: bool) -> None:
    """On a terminal, levels are coloured unless NO_COLOR is set."""
    pty = pytest.importorskip("pty", reason="no terminals to open")
    ours, theirs = pty.openpty()
    try:
        assert logscan("scan", "app.jsonl", stdout=theirs, env=env).code == 0
        assert (b"\x1b[" in os.read(ours, 64 * 1024)) is has_colour
    finally:
        os.close(ours)
        os.close(theirs)


@pytest.mark.network
def test_histogram_is_ascii_if_the_encoding_is(logscan: Logscan) -> None:
    """If the encoding of the output has no block characters, the histogram is plain ASCII."""
    out = logscan("scan", "app.jsonl", env={"PYTHONUTF8": "0", "PYTHONIOENCODING": "ascii"}).out
    assert "#################################\n" in out
    assert out.isascii()
    assert "\\u" not in out


@pytest.mark.network
@pytest.mark.skipif(sys.platform == "win32", reason="no terminals to open, and other signals")
@pytest.mark.usefixtures("interruptible")
@pytest.mark.parametrize("mode", [(), ("--json",)])
def test_progress_bar_is_shown_on_a_terminal_until_ctrl_c(logscan: Logscan, mode: tuple[str, ...]) -> None:
    """A long scan shows a progress bar on a terminal; Ctrl-C ends both with one line and exit code 130."""
    pty = pytest.importorskip("pty")
    line = (SAMPLES / "app.jsonl").read_bytes().partition(b"\n")[0] + b"\n"
    ours, theirs = pty.openpty()
    with logscan.start("scan", *mode, "-", stderr=theirs) as process:
        os.close(theirs)
        assert process.stdin is not None
        assert process.stdout is not None
        seen = b""
        while b"standard input" not in seen:
            process.stdin.write(line * 1000)
            process.stdin.flush()
            if select.select([ours], [], [], 0)[0]:
                seen += os.read(ours, 4096)
        process.send_signal(signal.SIGINT)
        process.stdin.close()
        out = process.stdout.read()
        code = process.wait(60)
    end = read_all(ours)
    assert (code, out) == (130, b"")
    assert end.endswith(b"logscan: interrupted\r\n")
    assert b"Traceback" not in end


def read_all(terminal: int) -> bytes:
    """Return the rest of what was written to a terminal that is closed on the other side."""
    data = b""
    with os.fdopen(terminal, "rb", buffering=0) as stream, contextlib.suppress(OSError):  # Linux ends it with an error
        while chunk := stream.read(4096):
            data += chunk
    return data


@pytest.mark.network
def test_progress_bar_is_not_written_to_a_pipe(logscan: Logscan, tmp_path: Path) -> None:
    """A long scan writes nothing to standard error if that is not a terminal."""
    file = tmp_path / "long.jsonl"
    file.write_bytes((SAMPLES / "app.jsonl").read_bytes() * 200)
    done = logscan("scan", "--json", file)
    assert (done.code, done.err) == (0, "")


def wait_for(text: str, file: Path) -> None:
    """Wait until a file has this text."""
    deadline = time.monotonic() + 60
    while text not in file.read_text("utf-8"):
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.mark.network
def test_follow_reports_what_is_put_into_a_folder(logscan: Logscan, tmp_path: Path, interruptible: None) -> None:
    """`follow` reports on new files only, says what it does not recognise, and ends with Ctrl-C."""
    (tmp_path / "old.jsonl").write_bytes((SAMPLES / "app.jsonl").read_bytes())
    errors = tmp_path / ".errors"
    with errors.open("wb") as stderr, logscan.start("follow", str(tmp_path), stderr=stderr.fileno()) as process:
        assert process.stdout is not None
        wait_for("following", errors)
        (tmp_path / "a-unknown").write_bytes(b"\x07\x08")
        (tmp_path / "new.csv").write_bytes((SAMPLES / "orders.csv").read_bytes())
        first = process.stdout.readline().decode()
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 130
    assert first == f"{tmp_path / 'new.csv'}\n"
    said = errors.read_text("utf-8")
    assert "a-unknown: no format recognises it" in said
    assert "old.jsonl" not in said


@pytest.mark.network
def test_folder_that_is_not_there_is_one_line(logscan: Logscan, tmp_path: Path) -> None:
    """`follow` says in one line that there is no such folder."""
    done = logscan("follow", tmp_path / "none")
    assert (done.code, done.err) == (2, f"logscan: {tmp_path / 'none'}: no such folder\n")
