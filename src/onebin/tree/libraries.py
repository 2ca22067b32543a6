"""Find the shared libraries that a tree for another platform takes from outside of the environment.

For this machine, PyInstaller finds them.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from onebin.errors import TargetError
from onebin.target import resolve_libraries
from onebin.tree.files import installation
from onebin.tree.names import name_findings
from onebin.tree.places import WindowsPlaces, places_of

if TYPE_CHECKING:
    from onebin.check import Plan


def with_libraries(plan: Plan) -> Plan:
    """Return the plan with the libraries of its tree, if it is for another platform; raises TargetError and OSError.

    They come from the interpreter's own tree. The findings are about those that are not there, about files that are for
    yet another platform, and about names that the platform cannot have.
    """
    python = plan.interpreter
    if not python.is_foreign:
        return plan
    own = {} if python.library is None else {python.library.name: python.library}
    files = installation(plan).files
    resolved = resolve_libraries({**files, **own}, python)
    findings = [*resolved.findings, *name_findings(plan, files)]
    if findings:
        raise TargetError(f"{plan.manifest.bundle.name} is not complete for {python.target}", findings)
    found = {**own, **resolved.found}
    if isinstance(places_of(python), WindowsPlaces):  # programs ask for names in any case
        found = {file.name: file for file in found.values()}
    return replace(plan, libraries=found)
