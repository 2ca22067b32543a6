"""logscan reports what is in log files; the installed plugins determine which formats it can read.

A plugin needs `logscan.contract` and may use `lines`, `unicode`, `times`, `levels` and `keyed`; the rest is
the application.
"""
