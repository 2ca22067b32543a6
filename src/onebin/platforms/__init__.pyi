from .platform import (
    PLATFORMS as PLATFORMS,
    Platform as Platform,
    parse_platform as parse_platform,
    platform_of as platform_of,
    this_platform as this_platform,
)
from .running import Runner as Runner, first_use as first_use, runner_of as runner_of
