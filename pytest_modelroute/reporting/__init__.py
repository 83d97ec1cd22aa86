"""One report model, many renderers."""
