"""Workers: they begin runs when they are due, and share the work."""
