"""Logs that are XML: what log4j's XMLLayout writes, and an export of the Security log of Windows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sample_logs.chance import USERS
from sample_logs.entry import BAD, FRAME, Entry, spoiled

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sample_logs.chance import Chance

_THROWABLE: Final = (
    "<log4j:throwable><![CDATA[java.sql.SQLTimeoutException: no answer after 30 s\n"
    "\tat shop.Orders.store(Orders.java:114)\n"
    "\tat shop.Checkout.pay(Checkout.java:41)\n"
    "]]></log4j:throwable>\n"
)
_LOGONS: Final = {"4624": ("info", "0x8020000000000000"), "4625": ("warning", "0x8010000000000000")}


def shop(chance: Chance, count: int) -> Iterator[Entry]:
    """Yield events of log4j without a root element, as its appender writes them; one in fifty is not XML."""
    return spoiled(chance, count, _shop_event, (_with_ampersand, _with_control_character, _without_end))


def _shop_event(chance: Chance) -> Entry:
    time, order = chance.next_time(), 1000 + chance.below(9000)
    level, logger, message, throwable = chance.weighted(
        {
            ("INFO", "shop.Orders", f"order {order} placed by <{chance.one_of(USERS)}>", ""): 70,
            ("DEBUG", "shop.Stock", f"{order} pieces left of item {order % 300}", ""): 20,
            ("WARN", "shop.Checkout", f"payment of order {order} is slow: {order} ms", ""): 7,
            ("ERROR", "shop.Orders", f"order {order} cannot be stored", _THROWABLE): 3,
        }
    )
    milliseconds = int(time.timestamp()) * 1000 + time.microsecond // 1000
    content = (
        f'<log4j:event logger="{logger}" timestamp="{milliseconds}" level="{level}" thread="http-{order % 8}">\n'
        f"<log4j:message><![CDATA[{message}]]></log4j:message>\n"
        f"{throwable}"
        f'<log4j:properties>\n<log4j:data name="node" value="{chance.below(3)}"/>\n</log4j:properties>\n'
        "</log4j:event>\n\n"
    )
    return Entry(content, {"WARN": "warning"}.get(level, level.lower()))


def _with_ampersand(entry: Entry) -> Entry:
    """Write a message without CDATA, as hand-made layouts do."""
    return Entry(_with_message(entry, "Smith & Sons"), BAD, fault_at=1)


def _with_control_character(entry: Entry) -> Entry:
    """Write the escape character, which colours a message and which XML does not allow."""
    return Entry(_with_message(entry, "<![CDATA[\x1b[31mred\x1b[0m]]>"), BAD, fault_at=1)


def _without_end(entry: Entry) -> Entry:
    """Stop in the middle of an event, as a killed process does."""
    return Entry(_with_message(entry, "<![CDATA[killed]]>").partition("<log4j:properties>")[0], BAD)


def _with_message(entry: Entry, message: str) -> str:
    before, tag, rest = str(entry.content).partition("<log4j:message>")
    _, end, after = rest.partition("</log4j:message>")
    return f"{before}{tag}{message}{end}{after}"


def security(chance: Chance, count: int) -> Iterator[Entry]:
    """Yield logons in UTF-16 as PowerShell writes it, a fifth of `count`; one in ten is unreadable."""
    yield Entry('\N{BYTE ORDER MARK}<?xml version="1.0" encoding="utf-16" standalone="yes"?>\r\n<Events>\r\n', FRAME)
    yield from spoiled(chance, count // 5, _logon, (_with_local_time, _without_quote), every=10)
    yield Entry("</Events>\r\n", FRAME)


def _logon(chance: Chance) -> Entry:
    time, record, user = chance.next_time(), 100_000 + chance.below(900_000), chance.one_of(USERS)
    number = chance.weighted({"4624": 80, "4625": 20})
    level, keywords = _LOGONS[number]
    content = (
        '<Event xmlns="http://schemas.microsoft.com/win/2004/08/events/event"><System>'
        '<Provider Name="Microsoft-Windows-Security-Auditing" Guid="{54849625-5478-4994-a5ba-3e3b0328c30d}"/>'
        f"<EventID>{number}</EventID><Version>2</Version><Level>0</Level><Task>12544</Task><Opcode>0</Opcode>"
        f'<Keywords>{keywords}</Keywords><TimeCreated SystemTime="{time:%Y-%m-%dT%H:%M:%S.%f}0Z"/>'
        f'<EventRecordID>{record}</EventRecordID><Execution ProcessID="684" ThreadID="{record % 5000}"/>'
        "<Channel>Security</Channel><Computer>dc1.shop.example</Computer><Security/></System>"
        f'<EventData><Data Name="TargetUserName">{user}</Data><Data Name="LogonType">3</Data>'
        f'<Data Name="IpAddress">{chance.address()}</Data></EventData></Event>\r\n'
    )
    return Entry(content, level)


def _with_local_time(entry: Entry) -> Entry:
    """Write a time as a spreadsheet shows it."""
    before, tag, rest = str(entry.content).partition('SystemTime="')
    _, quote, after = rest.partition('"')
    return Entry(f"{before}{tag}06.05.2024 08:00{quote}{after}", BAD)


def _without_quote(entry: Entry) -> Entry:
    """Leave out a quotation mark."""
    return Entry(str(entry.content).replace('Name="LogonType"', "Name=LogonType"), BAD)
