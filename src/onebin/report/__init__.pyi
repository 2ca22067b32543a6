from .gathering import report_on as report_on
from .page import render_report as render_report
from .sections import (
    ArtifactReport as ArtifactReport,
    Comparison as Comparison,
    Content as Content,
    Frame as Frame,
    Licence as Licence,
    Owner as Owner,
    PackageOrigin as PackageOrigin,
    PluginCost as PluginCost,
    Provenance as Provenance,
    StartTimes as StartTimes,
)
