"""Superset's settings that the dashboard changes; start.sh names this file to it."""

from superset.config import TALISMAN_CONFIG

# The browsers of those who look at it would tell Superset's makers so, by a picture of one point.
TALISMAN_CONFIG["content_security_policy"]["img-src"] = ["'self'", "blob:", "data:"]
