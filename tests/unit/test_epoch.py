"""A build uses one timestamp: SOURCE_DATE_EPOCH, or a constant."""

from __future__ import annotations

import time
import zipfile

import pytest

from onebin.errors import OnebinError
from onebin.system import epoch


def test_default_is_a_constant_that_archives_can_store(monkeypatch: pytest.MonkeyPatch) -> None:
    """If SOURCE_DATE_EPOCH is unset or empty, the timestamp is after 1980 in every time zone."""
    for environment in ({}, {"SOURCE_DATE_EPOCH": ""}):
        monkeypatch.delenv("SOURCE_DATE_EPOCH", raising=False)
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        assert epoch.source_date_epoch() == epoch.DEFAULT
    half_a_day = 12 * 3600
    assert zipfile.ZipInfo("x", time.gmtime(epoch.DEFAULT - half_a_day)[:6]).date_time[0] >= 1980


@pytest.mark.parametrize("seconds", [0, 1, 1_700_000_000, 8**11 - 1])
def test_variable_sets_the_timestamp(monkeypatch: pytest.MonkeyPatch, seconds: int) -> None:
    """SOURCE_DATE_EPOCH may be any number of seconds since 1970 that an archive can store."""
    monkeypatch.setenv("SOURCE_DATE_EPOCH", str(seconds))
    assert epoch.source_date_epoch() == seconds


@pytest.mark.parametrize("text", ["yesterday", "-1", "1.5", " 1", "1e9", "٣", "0x10", str(8**11), "9" * 5000])
def test_invalid_epoch_is_refused(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    """An invalid SOURCE_DATE_EPOCH is an error that says what to set instead."""
    monkeypatch.setenv("SOURCE_DATE_EPOCH", text)
    with pytest.raises(OnebinError, match="SOURCE_DATE_EPOCH is") as caught:
        epoch.source_date_epoch()
    assert "git log" in str(caught.value.hint)
