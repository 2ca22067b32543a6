from .platform import (
    PLATFORMS as PLATFORMS,
    Platform as Platform,
    parse_platform as parse_platform,
    this_platform as this_platform,
)
from .running import Runner as Runner, runner_of as runner_of
