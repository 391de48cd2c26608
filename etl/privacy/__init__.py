"""Personal data: what is stored of them, and how what is stored is rewritten or forgotten."""
