"""The parts of documents that are made from the code, one file for each kind."""
