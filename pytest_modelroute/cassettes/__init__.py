"""Recorded HTTP: format, index, replay and recorder."""
