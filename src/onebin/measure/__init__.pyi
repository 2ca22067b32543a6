from .budget import (
    Costs as Costs,
    Unmeasured as Unmeasured,
    exceeded as exceeded,
    has_times as has_times,
    is_budgeted as is_budgeted,
    lowest as lowest,
    measure as measure,
    sizes_of as sizes_of,
)
from .imports import PluginImport as PluginImport, host_module as host_module, time_plugin as time_plugin
from .importtime import (
    REPORT_ALL as REPORT_ALL,
    Import as Import,
    ImportTimes as ImportTimes,
    ModuleTime as ModuleTime,
    parse_importtime as parse_importtime,
    run_importtime as run_importtime,
    summarise as summarise,
    time_imports as time_imports,
)
from .shares import (
    OwnerSize as OwnerSize,
    Part as Part,
    folder_sizes as folder_sizes,
    share_sizes as share_sizes,
)
from .start import Start as Start, time_start as time_start
