"""The command line: `modelroute`."""
