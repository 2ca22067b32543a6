"""Load the catalogue, `catalogue.toml`, check it as a whole, and answer orders.

Reads a file and returns a frozen `Catalogue`. Raises one `ManifestError` with everything that is wrong with the file,
and for an order one `CatalogueError` with everything that the catalogue does not offer.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from onebin.catalogue.choice import choose
from onebin.catalogue.offers import HostOffer, host_offer
from onebin.catalogue.writing import Choice, written
from onebin.errors import Finding, ManifestError
from onebin.manifest import parse_toml, read
from onebin.system import display

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from onebin.catalogue.order import Order


@dataclass(frozen=True, kw_only=True)
class Catalogue:
    """One catalogue: the hosts that can be asked for, by their names. `file` is the path as it was given."""

    file: Path
    text: str = field(repr=False)
    title: str | None
    hosts: Mapping[str, HostOffer] = field(hash=False)

    @classmethod
    def load(cls, file: Path) -> Catalogue:
        """Read the catalogue in a file; raises ManifestError with everything that is wrong with it."""
        if not file.exists():
            raise _unreadable([Finding(str(file), "no such file", "name the file of the catalogue: catalogue.toml")])
        try:
            text = read(file)
        except ManifestError as error:
            raise _unreadable(error.findings) from error
        return cls.parse(text, file=file)

    @classmethod
    def parse(cls, text: str, *, file: Path) -> Catalogue:
        """Read a catalogue's text (TOML 1.0); raises ManifestError with everything that is wrong with it.

        `file` is where the text comes from: findings name it, and relative paths start in its directory.
        """
        from onebin.catalogue.problems import problems_of  # noqa: PLC0415  # pydantic is slow to load
        from onebin.manifest.problems import located  # noqa: PLC0415  # as above

        try:
            tables = parse_toml(text, file=file)
        except ManifestError as error:
            raise _unreadable(error.findings) from error
        if problems := problems_of(tables):
            raise ManifestError(f"the catalogue {display(file)} is not valid", located(problems, text, file))
        settings = tables.get("catalogue", {})
        hosts = {name: host_offer(name, keys, settings) for name, keys in tables["hosts"].items()}
        return cls(file=file, text=text, title=settings.get("title"), hosts=hosts)

    @property
    def directory(self) -> Path:
        """The catalogue's directory, as an absolute path; relative paths in it and in its manifests start here."""
        return self.file.absolute().parent

    def manifest(self, order: Order) -> str:
        """Return the text of the bundle.toml for an order; raises CatalogueError.

        Equal orders give equal text. If the host or a plugin is a path, the text belongs in the catalogue's directory.
        """
        return written(self._choice(order))

    def settled(self, order: Order) -> Order:
        """Return an order as it is understood: every name as in the catalogue, with defaults and needed plugins.

        The version stays None if the catalogue leaves it to the lock. Raises CatalogueError.
        """
        choice = self._choice(order)
        return replace(
            order,
            host=choice.host.name,
            version=choice.version,
            plugins=tuple(each.name for each in choice.plugins),
            python=choice.python,
            platform=choice.platform,
        )

    def _choice(self, order: Order) -> Choice:
        return choose(order, self.hosts, display(self.file))


def _unreadable(findings: Sequence[Finding]) -> ManifestError:
    return ManifestError("the catalogue cannot be read", findings)
