"""Cron expressions as settings have them: five fields, or `never`."""

from datetime import UTC, datetime

from cronsim import CronSim, CronSimError

FIELDS_OF_CRON = 5
NEVER = "never"


def check_cron(value: str) -> str:
    """Accept a cron expression of five fields, or `never`; raise ValueError for anything else."""
    if value == NEVER:
        return value
    try:
        CronSim(value, datetime.now(UTC))
    except CronSimError:
        is_valid = False
    else:
        is_valid = len(value.split()) == FIELDS_OF_CRON  # a sixth would be seconds
    if not is_valid:
        raise ValueError("must be a cron expression of five fields, such as 30 2 * * *, or never")
    return value
