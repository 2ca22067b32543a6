"""Binary logs: who logged in on Linux (utmp, wtmp, btmp), and captured packets (pcap)."""
