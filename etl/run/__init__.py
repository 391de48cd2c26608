"""A run, from the lock to the summary's figures: the wing that ties the vendor and the database."""
