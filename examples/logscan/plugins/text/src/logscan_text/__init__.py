"""Logs that are lines of text: syslog, and the access logs of web servers."""
