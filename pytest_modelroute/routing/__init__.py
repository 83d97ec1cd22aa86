"""The registry in production: calls go where it says, and what was decided is written down."""
