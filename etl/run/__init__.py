"""A run: asks the vendor, has what it said saved, and accounts for every conversation and message."""
