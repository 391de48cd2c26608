"""What a made-up account sends by itself, and what it promises: campaigns and SLA policies."""

from dataclasses import dataclass, field
from typing import Any


@dataclass(slots=True)
class Campaign:
    """Messages that go out by themselves: on a website as long as it is `ongoing`, or once to whoever has a label."""

    id: int
    title: str
    message: str
    inbox_id: int
    created_at: int
    sender_id: int | None = None
    description: str | None = None
    campaign_type: str = "ongoing"
    campaign_status: str = "active"
    enabled: bool = True
    scheduled_at: int | None = None
    audience: list[dict[str, Any]] = field(default_factory=list)
    trigger_rules: dict[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class SlaPolicy:
    """What is promised to contacts, in seconds."""

    id: int
    name: str
    description: str | None = None
    first_response: float | None = None
    next_response: float | None = None
    resolution: float | None = None
    only_during_business_hours: bool = False
