"""Settings: what is configurable, from the environment, `.env`, and the files that these name."""
