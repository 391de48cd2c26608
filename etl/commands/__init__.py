"""The commands: parse, call one function, turn an error into an exit code."""
