"""The options that every command has, before its name and after it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click
import pytest
from click.testing import CliRunner

from onebin.cli import cli, settings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

WORDS = ["-q", "-v", "--error-format", "github"]


def commands(group: click.Group, *names: str) -> Iterator[tuple[str, ...]]:
    """Yield the words of every command."""
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if isinstance(command, click.Group):
            yield from commands(command, *names, name)
        elif command and not command.context_settings.get("ignore_unknown_options"):
            yield (*names, name)


ALL = list(commands(cli))


@pytest.mark.parametrize("words", ALL, ids=" ".join)
def test_each_command_has_them_before_and_after_its_name(words: tuple[str, ...]) -> None:
    """-q, -v and --error-format are accepted anywhere, also by commands that show no progress."""
    for arguments in ([*WORDS, *words], [*words, *WORDS]):
        done = CliRunner().invoke(cli, [*arguments, "--help"])
        assert done.exit_code == 0, done.output


@pytest.mark.parametrize("arguments", [[*WORDS, "lock"], ["lock", *WORDS], ["-q", "lock", "-v", *WORDS[2:]]])
def test_what_is_given_in_either_place_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str]
) -> None:
    """An option that was given before the command is not reset by its default after the command."""
    monkeypatch.chdir(tmp_path)
    chosen = settings.Settings()
    CliRunner().invoke(cli, arguments, obj=chosen)
    assert chosen == settings.Settings(quiet=True, verbose=True, error_format="github")


def test_command_for_another_program_leaves_them_to_it() -> None:
    """`onebin run -q` passes -q to the host, as all options that run does not have itself."""
    run = cli.get_command(click.Context(cli), "run")
    assert run is not None
    names = {option.name for option in run.params}
    assert names.isdisjoint({"quiet", "verbose"})
    assert "error_format" in names
