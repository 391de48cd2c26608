"""Monitoring: what is told of runs, while they go on and afterwards, to people and to monitors."""
