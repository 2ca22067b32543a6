"""Find out whose a staged file is: part of a project of the user's, where it can be changed, or of a package."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from onebin.system import display

if TYPE_CHECKING:
    from collections.abc import Iterator

    from onebin.survey.index import Survey


def project_of(distribution: str, surveyed: Survey) -> Path | None:
    """Return the folder of the local project that a distribution was built from, or None if it was not."""
    return next((each.path for each in surveyed.lock.projects if each.name == distribution), None)


def owner_of(place: str, surveyed: Survey) -> str | None:
    """Return the distribution that has the file of a "file:line", or None if no distribution of the stage has it."""
    inside = _inside(place, surveyed)
    owners = (each.name for each in surveyed.distributions.values() if inside in each.files.recorded)
    return next(owners, None)


def shown_place(place: str, surveyed: Survey) -> str:
    """Return a "file:line" as it is best shown: in the user's own project, or else without the stage's folder."""
    inside, line = _inside(place, surveyed), place.rpartition(":")[2]
    if inside is None:
        return place
    project = project_of(owner_of(place, surveyed) or "", surveyed)
    found = None if project is None else source_in(project, inside)
    return f"{display(found) if found else inside}:{line}"


def source_in(project: Path, inside: str) -> Path | None:
    """Return the file of a project that is installed at a path relative to site-packages, or would be; else None."""
    return next((each for each in _sources(project, inside) if each.is_file()), None)


def _inside(place: str, surveyed: Survey) -> str | None:
    """Return the path of a "file:line" relative to site-packages, with "/"; None if it is elsewhere."""
    path, site_packages = Path(place.rpartition(":")[0]).resolve(), surveyed.stage.site_packages.resolve()
    return path.relative_to(site_packages).as_posix() if path.is_relative_to(site_packages) else None


def _sources(project: Path, inside: str) -> Iterator[Path]:
    """Yield where a project may have an installed file: in src, at its top, or in another folder there."""
    yield project / "src" / inside
    yield project / inside
    yield from project.glob(f"*/{inside}")
