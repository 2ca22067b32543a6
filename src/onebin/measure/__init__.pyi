from .importtime import (
    Import as Import,
    ImportTimes as ImportTimes,
    ModuleTime as ModuleTime,
    parse_importtime as parse_importtime,
    run_importtime as run_importtime,
    summarise as summarise,
    time_imports as time_imports,
)
