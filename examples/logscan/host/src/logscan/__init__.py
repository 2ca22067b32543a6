"""logscan tells what is in log files; which formats it can read is up to the plugins that are installed.

A plugin needs `logscan.contract` and may use `lines`, `unicode`, `times`, `levels` and `keyed`; the rest is
the application.
"""
