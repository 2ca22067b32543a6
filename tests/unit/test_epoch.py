"""A build knows one moment: that of SOURCE_DATE_EPOCH, or always the same."""

from __future__ import annotations

import time
import zipfile

import pytest

from onebin.errors import OnebinError
from onebin.system import epoch


def test_default_is_one_moment_that_archives_can_hold(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the variable, or with an empty one, it is a time after 1980 everywhere on earth."""
    for environment in ({}, {"SOURCE_DATE_EPOCH": ""}):
        monkeypatch.delenv("SOURCE_DATE_EPOCH", raising=False)
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        assert epoch.source_date_epoch() == epoch.DEFAULT
    half_a_day = 12 * 3600
    assert zipfile.ZipInfo("x", time.gmtime(epoch.DEFAULT - half_a_day)[:6]).date_time[0] >= 1980


@pytest.mark.parametrize("seconds", [0, 1, 1_700_000_000, 8**11 - 1])
def test_variable_chooses_it(monkeypatch: pytest.MonkeyPatch, seconds: int) -> None:
    """Any number of seconds since 1970 that an archive can hold is taken."""
    monkeypatch.setenv("SOURCE_DATE_EPOCH", str(seconds))
    assert epoch.source_date_epoch() == seconds


@pytest.mark.parametrize("text", ["yesterday", "-1", "1.5", " 1", "1e9", "٣", "0x10", str(8**11), "9" * 5000])
def test_invalid_epoch_is_refused(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    """An invalid SOURCE_DATE_EPOCH is an error that says what to set."""
    monkeypatch.setenv("SOURCE_DATE_EPOCH", text)
    with pytest.raises(OnebinError, match="SOURCE_DATE_EPOCH is") as caught:
        epoch.source_date_epoch()
    assert "git log" in str(caught.value.hint)
