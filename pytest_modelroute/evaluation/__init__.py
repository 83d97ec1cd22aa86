"""From a golden case to a case result."""
