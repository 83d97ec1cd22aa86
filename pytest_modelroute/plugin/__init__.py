"""What pytest sees: the only wing that imports pytest."""
