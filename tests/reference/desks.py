"""Desks whose evidence tells all of what happened, and desks whose evidence does not."""

from datetime import datetime, timedelta
from random import Random

from tests.reference.world import (
    AGENTS,
    FIRST_DAY,
    Talk,
    ask,
    bot_writes,
    note,
    of_agent,
    reply,
    resolve,
    resolve_in_silence,
    template,
)


def later(talk: Talk, chance: Random, least: int, most: int) -> None:
    talk.now += timedelta(seconds=chance.randrange(least, most))


def begin(number: int, at: datetime, chance: Random) -> Talk:
    """Return a conversation that a contact began, and that an agent took at once."""
    talk = Talk(number, 1, 1 + number % 8, at, at, at)
    talk.happened("opened")
    ask(talk, chance)
    talk.now += timedelta(seconds=1)
    talk.change(**of_agent(chance.choice(AGENTS)))
    talk.activity()
    return talk


def orderly(seed: int, talks: int = 60, days: int = 8) -> list[Talk]:
    """Return conversations that agents answer and then resolve, with an activity; contacts come back at any time.

    An activity of another kind is followed by a reply; notes, bots and surveys may be anywhere.
    """
    chance, made = Random(seed), []
    for number in range(1, talks + 1):
        talk = begin(number, FIRST_DAY + timedelta(seconds=chance.randrange(days * 86_400)), chance)
        for _ in range(chance.randrange(1, 6)):
            later(talk, chance, 60, 20_000)
            talk.activity()  # a label
            reply(talk, chance)
            later(talk, chance, 1, 9_000)
            chance.choice((note, bot_writes, template))(talk, chance)
            if talk.now.minute == 0:  # a run may be reading
                talk.now += timedelta(minutes=1)
            resolve(talk, chance)
            talk.now += timedelta(seconds=1)
            template(talk, chance)
            later(talk, chance, 1_800, 200_000)
            ask(talk, chance)
        made.append(talk)
    return made


def thanked(seed: int, talks: int = 60, days: int = 14) -> list[Talk]:
    """Return the desk of an ordinary week: 3 of 10 contacts say thanks hours after the resolution.

    That reopens the conversation, and it is resolved again within the hour, without another word.
    """
    chance, made = Random(seed), []
    for number in range(talks * days):
        begun = FIRST_DAY + timedelta(days=number // talks, hours=7, seconds=chance.randrange(9 * 3_600))
        talk = begin(number + 1, begun, chance)
        later(talk, chance, 120, 3_600)
        reply(talk, chance)
        later(talk, chance, 300, 10_800)
        resolve(talk, chance)
        if chance.random() < 0.3:
            later(talk, chance, 2 * 3_600, 16 * 3_600)
            ask(talk, chance)
            later(talk, chance, 120, 3_600)
            resolve(talk, chance)
        made.append(talk)
    return made


def of_bots(seed: int, talks: int = 60, days: int = 14) -> list[Talk]:
    """Return a desk at which half of all conversations are resolved by a bot, hours after the last word, in silence."""
    chance, made = Random(seed), []
    for number in range(talks * days):
        begun = FIRST_DAY + timedelta(days=number // talks, hours=7, seconds=chance.randrange(9 * 3_600))
        talk = begin(number + 1, begun, chance)
        later(talk, chance, 120, 3_600)
        reply(talk, chance)
        later(talk, chance, 300, 10_800)
        chance.choice((resolve, resolve_in_silence))(talk, chance)
        if chance.random() < 0.3:
            later(talk, chance, 3_600, 60_000)
            ask(talk, chance)
            later(talk, chance, 60, 3_600)
            reply(talk, chance)
            later(talk, chance, 60, 3_600)
            chance.choice((resolve, resolve_in_silence))(talk, chance)
        made.append(talk)
    return made


def true_openings(talks: list[Talk], until: datetime) -> list[tuple[int, datetime, datetime | None]]:
    """Return every opening up to a moment: the conversation, and when it truly was opened and resolved."""
    openings: list[tuple[int, datetime, datetime | None]] = []
    for talk in talks:
        own: list[tuple[int, datetime, datetime | None]] = []
        for kind, at in talk.truth:
            if at < until and kind == "resolved":
                own[-1] = (talk.id, own[-1][1], at)
            elif at < until:
                own.append((talk.id, at, None))
        openings += own
    return openings
