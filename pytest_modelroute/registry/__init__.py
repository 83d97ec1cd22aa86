"""What is promised, and what changed."""
