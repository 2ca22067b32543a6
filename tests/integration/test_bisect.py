"""`onebin bisect` with real hosts: which plugins, or which version of one, make a command fail."""

from __future__ import annotations

import json
import signal
from typing import TYPE_CHECKING

import pytest

from onebin.errors import BisectError
from support.bench import read_refusal
from support.index import serving
from support.waiting import wait_until
from support.wheels import make_wheel

if TYPE_CHECKING:
    from collections.abc import Sequence

    from support.bench import Bench

pytestmark = pytest.mark.network

GREETS = "def greet(name):\n    return 'good day'\n"
# Fails only beside another plugin.
PICKY = (
    "import importlib.util, sys\n\ndef greet(name):\n"
    "    if importlib.util.find_spec('greet_sweet'):\n        print('too sweet')\n        sys.exit(3)\n"
    "    return 'hm'\n"
)


@pytest.fixture
def kitchen(warm_bench: Bench) -> Bench:
    """Return a bench whose bundle has four plugins: sour fails beside sweet, which requires salt."""
    rows = [
        _plugin(warm_bench, "greet-honey", GREETS),
        _plugin(warm_bench, "greet-salt", GREETS),
        _plugin(warm_bench, "greet-sour", PICKY),
        _plugin(warm_bench, "greet-sweet", GREETS, requires=["greet-salt"]),
    ]
    warm_bench.manifest(*rows)
    return warm_bench


def _plugin(bench: Bench, name: str, code: str, *, version: str = "1.0.0", requires: Sequence[str] = ()) -> str:
    """Write the wheel of a plugin, and return its row in the manifest."""
    module = name.replace("-", "_")
    wheel = make_wheel(
        bench.directory / "wheels",
        name,
        files={f"{module}/__init__.py": code},
        entry_points=f"[tinyhost.greeters]\n{name} = {module}:greet\n",
        requires=requires,
        version=version,
    )
    return f'{name} = {{ path = "wheels/{wheel.name}" }}'


def test_smallest_set_of_plugins_is_found(kitchen: Bench) -> None:
    """What remains is what fails together, with what one of them requires; the files of the bundle stay as they are."""
    kitchen.accepts("lock")
    before = kitchen.snapshot()
    done = kitchen.accepts("bisect", "--json", "--", "{artifact}", "you")
    found = json.loads(done.out)
    assert [each["name"] for each in found["culprits"]] == ["greet-salt", "greet-sour", "greet-sweet"]
    assert [each["name"] for each in found["culprits"] if each["is_required"]] == ["greet-salt"]
    assert found["summary"].startswith(
        'greet-salt 1.0.0, greet-sour 1.0.0 and greet-sweet 1.0.0 together make "{artifact} you" fail (exit code 3); '
        "greet-sweet requires greet-salt; without greet-sour or greet-sweet it passes; "
        f"{len(found['trials'])} trials, tinyhost 1.2.3, Python 3."
    )
    assert found["output"].endswith("too sweet")
    assert [each["verdict"] for each in found["trials"][:2]] == ["bad", "good"]
    kept = [tuple(each["plugins"]) for each in found["trials"]]
    assert len(kept) == len(set(kept))
    assert not [names for names in kept if "greet-sweet" in names and "greet-salt" not in names]
    assert kitchen.snapshot() == before


@pytest.mark.parametrize(
    ("arguments", "words", "hint"),
    [
        (("{artifact} exit 4",), '"{artifact} exit 4" fails without any plugin, too (exit code 4)', "--versions NAME"),
        pytest.param(
            ("{artifact} exit 0",),
            '"{artifact} exit 0" passes with all plugins (exit code 0)',
            "0 is good, 125 cannot be judged",
            marks=pytest.mark.long,
        ),
        pytest.param(
            ("sh", "-c", "sleep 60; {artifact}"),
            "cannot be judged with all plugins (still running after 0.5 s)",
            "125",
            marks=pytest.mark.long,
        ),
    ],
    ids=["fails anyway", "passes", "hangs"],
)
def test_search_that_cannot_begin_says_why(arguments: Sequence[str], words: str, hint: str, kitchen: Bench) -> None:
    """A command that passes with all plugins, fails without any, or does not end, is refused with the reason."""
    options = ("--timeout", "0.5", "--timeout-is", "skip") if arguments[0] == "sh" else ()
    kitchen.refuses("bisect", *options, "--", *arguments, error=BisectError).says(words, hint=hint)


def test_interrupt_says_the_best_so_far(kitchen: Bench) -> None:
    """An interrupt ends the command and what it started, and says what is known."""
    command = "{artifact} || exit 3; touch begun; sleep 600"
    begun = kitchen.directory / "begun"
    with kitchen.started("bisect", "--", "sh", "-c", command) as running:
        wait_until(begun.exists, what="the second trial", running=running)
        refusal = read_refusal(running.interrupt(signal.SIGINT))
        wait_until(running.is_alone, what="the end of all processes", seconds=10)
    assert refusal.code == 130
    assert refusal.summary == "interrupted in trial 2; so far: it fails with all plugins (exit code 3)"
    assert kitchen.leftovers() == []


@pytest.mark.long
def test_first_bad_version_is_found(warm_bench: Bench) -> None:
    """Released versions are tried from the locked one back; one that does not resolve is skipped."""
    with serving() as index:
        for version in ("1.0", "1.1", "1.2", "1.3", "2.0"):
            code = GREETS if version < "1.2" else "import sys\n\ndef greet(name):\n    sys.exit(5)\n"
            requires = ["greet-no-such-thing"] if version == "1.1" else []
            _plugin(warm_bench, "greet-hi", code, version=version, requires=requires)
            index.add(warm_bench.directory / "wheels" / f"greet_hi-{version}-py3-none-any.whl")
        warm_bench.manifest('greet-hi = ">=1.0"')
        env = {"UV_INDEX": index.url}
        warm_bench.accepts("lock", env=env)
        done = warm_bench.accepts("bisect", "--versions", "greet-hi", "--", "{artifact}", env=env)
        assert done.out.splitlines()[-1].startswith(
            'greet-hi 1.2 is the first version with which "{artifact}" fails (exit code 5); '
            "with greet-hi 1.0 it passes; 1.1 could not be tried; 4 trials, tinyhost 1.2.3, Python 3."
        )
        assert "greet-hi 1.1: skipped: " in done.err
        given = ("bisect", "--versions", "greet-hi", "--good", "1.3", "--", "{artifact}")
        refused = warm_bench.refuses(*given, error=BisectError, env=env)
        refused.says(
            '"{artifact}" fails with greet-hi 1.3 (exit code 5)', hint="a version with which it passes: --good"
        )


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "The command that fails is missing"),
        (("--", "tiny", "--version"), "'tiny --version' does not contain {artifact}"),
        (("--", "{artifact} 'open"), "No closing quotation"),
        (("--good", "1", "--", "{artifact}"), "--good and --bad need --versions NAME"),
    ],
)
def test_wrong_usage_says_what_is_missing(arguments: Sequence[str], words: str, bench: Bench) -> None:
    """A command that is missing, or would not run the program, is a wrong usage."""
    done = bench.run("bisect", *arguments)
    assert (done.code, words in done.err) == (2, True), done.err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("greet-helo",), "greet-helo is not in the lock; did you mean 'greet-hello'?"),
        (("greet-hello",), "greet-hello has no released versions: it comes from wheels/greet_hello"),
    ],
)
def test_package_without_versions_is_refused(arguments: Sequence[str], words: str, warm_bench: Bench) -> None:
    """A package that is not locked, or does not come from an index, is refused."""
    refused = warm_bench.refuses("bisect", "--versions", *arguments, "--", "{artifact}", error=BisectError)
    refused.says(words, hint=" ")


@pytest.mark.long
def test_artifacts_are_tried(warm_bench: Bench) -> None:
    """With --frozen, each trial runs a file that was built: a real installation, whatever it costs."""
    frozen = "import sys\n\ndef greet(name):\n    sys.exit(6 if '/artifacts/' in sys.prefix else 0)\n"
    warm_bench.manifest(
        _plugin(warm_bench, "greet-honey", GREETS),
        _plugin(warm_bench, "greet-ice", frozen),
        end='[budget]\nsize = "1 kB"',
    )
    done = warm_bench.accepts("bisect", "--frozen", "--", "{artifact}")
    said = done.out.splitlines()[-1]
    assert said.startswith('greet-ice 1.0.0 makes "{artifact}" fail (exit code 6); without it, it passes; 4 trials')
