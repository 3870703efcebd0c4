"""Given: reading the data and drawing pictures."""
