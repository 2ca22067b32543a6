"""The commands about an artifact: verify, inspect, diff, sign, recover, audit."""
