"""The facts about a bundle, both for its card and for the program itself.

They are the same for every build of one manifest and lock.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from onebin import __version__

if TYPE_CHECKING:
    from onebin.card import Description
    from onebin.check import Plan


def describe(plan: Plan) -> Description:
    """Return the facts about a plan, with the same names as in `onebin inspect --json`."""
    survey, lock = plan.survey, plan.lock
    return {
        "name": plan.manifest.bundle.name,
        "onebin": __version__,
        "host": {
            "name": plan.host.title,
            "version": plan.host.version,
            "entry": plan.program or ":".join(plan.entry or ()),
        },
        "plugins": [
            {
                "name": plugin.name,
                "distribution": survey.distributions[plugin.distribution].title,
                "version": plugin.version,
                "modules": list(plugin.modules),
                "entry_points": [(point.group, point.name, point.value) for point in plugin.entry_points],
            }
            for plugin in plan.plugins
        ],
        "distributions": [{"name": each.title, "version": each.version} for each in survey.distributions.values()],
        "interpreter": {
            "implementation": lock.interpreter.implementation,
            "version": lock.interpreter.version,
            "platform": lock.interpreter.platform,
        },
        "toolchain": [{"name": pin.name, "version": pin.version} for pin in lock.toolchain],
        "lock_sha256": lock.digest,
        "manifest": plan.manifest.built_text,
    }
