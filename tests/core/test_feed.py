"""What the feed keeps: in one order, for a while, for those whom it concerns."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from django.db import transaction
from django.utils import timezone

from accounts.models import User
from core import events, feed
from core.feed import Feed, Listener, Position
from core.models import EventBatch
from tests.conftest import at_once

EVERYBODY = frozenset({events.EVERYONE_GROUP})


def tell(*numbers: int) -> None:
    """One batch for each."""
    for number in numbers:
        events.publish("told", {"number": number}, to_all=True)


def numbers(found: list[feed.Event]) -> list[int]:
    return [event.data["number"] for event in found]


def kept() -> list[int]:
    return [number for _, batch in feed.read(0) for number in numbers(batch)]


def test_what_was_rolled_back_is_not_told(transactional_db: None) -> None:
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        tell(1)
        _ = 1 / 0
    tell(2)
    feed.put_in_order()
    assert kept() == [2]


def test_positions_only_grow_also_for_what_was_committed_late(db: None) -> None:
    tell(1, 2, 3)
    late = EventBatch.objects.order_by("pk").first()
    assert late is not None
    EventBatch.objects.filter(pk=late.pk).delete()
    feed.put_in_order()
    late.save(force_insert=True)  # its transaction began first and committed last
    feed.put_in_order()
    assert kept() == [2, 3, 1]
    assert feed.newest() == EventBatch.objects.get(pk=late.pk).position


def test_a_reader_that_goes_on_misses_nothing_of_many_writers(transactional_db: None) -> None:
    """As several server processes do it: each writes, orders and reads at the same time."""
    heard: list[list[str]] = []

    def write_and_read() -> None:
        position = 0
        mine: list[str] = []
        for number in range(30):
            with transaction.atomic():
                tell(number)
            feed.put_in_order()
            for at, batch in list(feed.read(position)):
                position = at
                mine += [event.text for event in batch]
        heard.append(mine)

    assert at_once(4, write_and_read) == [None] * 4
    feed.put_in_order()
    everything = [event.text for _, batch in feed.read(0) for event in batch]
    assert len(everything) == len(set(everything)) == 120
    for mine in heard:
        assert mine == everything[: len(mine)]


def test_many_batches_are_put_in_order_bit_by_bit(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed, "BATCHES_AT_ONCE", 2)
    tell(*range(5))
    for expected in (2, 4, 5, 5):
        feed.put_in_order()
        assert kept() == list(range(expected))


def test_who_resumes_within_a_batch_gets_the_rest_of_it(db: None) -> None:
    batch = [events.Event("told", {"number": number}, []) for number in range(3)]
    events.publish_all(batch)
    feed.put_in_order()
    newest = feed.newest()
    found = feed.missed(Position(newest, 1), newest, {events.STAFF_GROUP})
    assert found.gap is None
    assert numbers(found.events) == [1, 2]
    assert feed.missed(Position(newest, 1), newest, EVERYBODY).events == []


def test_what_is_too_old_goes_and_who_missed_it_is_told(db: None) -> None:
    tell(1, 2, 3)
    feed.put_in_order()
    seen = next(Position(position, 1) for position, _ in feed.read(0))
    too_old = timezone.now() - timedelta(seconds=feed.KEEP_SECONDS + 1)
    EventBatch.objects.filter(position__lte=seen.position + 1).update(at=too_old)
    assert feed.missed(seen, feed.newest(), EVERYBODY).gap is None
    feed.forget_old()
    found = feed.missed(seen, feed.newest(), EVERYBODY)
    assert found.gap == Position(feed.newest(), 0)
    assert numbers(found.events) == kept() == [3]


def test_no_more_than_so_many_are_kept(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed, "KEEP_EVENTS", 3)
    tell(*range(5))
    feed.put_in_order()
    feed.forget_old()
    assert kept() == [2, 3, 4]


def test_the_newest_stays_so_that_positions_go_on(db: None) -> None:
    tell(1, 2)
    feed.put_in_order()
    newest = feed.newest()
    EventBatch.objects.update(at=timezone.now() - timedelta(days=1))
    feed.forget_old()
    assert kept() == [2]
    tell(3)
    feed.put_in_order()
    assert feed.newest() > newest
    assert feed.missed(Position(newest, 1), feed.newest(), EVERYBODY).gap is None


@pytest.mark.parametrize("text", ["", "1", "-1", "1-", "a-1", "1-a", "1-1-1", "1" * 19 + "-1"])
def test_what_is_no_place_is_none(text: str) -> None:
    assert Position.parse(text) is None


def test_a_place_is_written_and_read() -> None:
    assert Position.parse(str(Position(12, 3))) == Position(12, 3)


def test_no_failure_ends_the_feed(transactional_db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    failures = iter([OSError("no descriptors"), ValueError("a row that is none")])

    def newest() -> int:
        for failure in failures:
            raise failure
        return 7

    monkeypatch.setattr(feed, "newest", newest)
    monkeypatch.setattr(feed, "RETRY_SECONDS", 0.01)

    async def join() -> int:
        running = Feed()
        try:
            return await asyncio.wait_for(running.join(Listener(EVERYBODY)), 20)
        finally:
            await running.close()

    assert asyncio.run(join()) == 7


def test_who_reads_too_slowly_is_sent_away_and_not_served_with_gaps(db: None) -> None:
    tell(*range(5))
    feed.put_in_order()
    told = [event for _, batch in feed.read(0) for event in batch]

    async def hear() -> list[feed.Event | None]:
        listener = Listener(EVERYBODY)
        listener.MAX_WAITING = 3  # type: ignore[misc]
        listener.hear(told)
        listener.hear(told)
        return [await asyncio.wait_for(listener.next(), 1) for _ in range(4)]

    *heard, end = asyncio.run(hear())
    assert numbers([event for event in heard if event]) == [0, 1, 2]
    assert end is None


def test_an_event_may_carry_any_text(db: None) -> None:
    words = "line\u2028 \x00 \ud800 “ü” </script>"
    events.publish("x", {"words": words})
    batch = EventBatch.objects.get()
    assert [event["data"]["words"] for event in batch.told()] == [words]


def test_what_somebody_missed_is_found_without_reading_what_is_for_others(
    alice: User, bob: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Thousands of events may be kept, and anybody who is logged in may ask again and again."""
    for user in (alice, bob, alice):
        events.publish("told", {"number": len(user.name)}, to_users=[user.pk])
    feed.put_in_order()
    looked_at: list[EventBatch] = []
    told = EventBatch.told

    def look(batch: EventBatch) -> list[dict[str, Any]]:
        looked_at.append(batch)
        return told(batch)

    monkeypatch.setattr(EventBatch, "told", look)
    found = feed.missed(Position(1, 0), feed.newest(), frozenset({events.user_group(bob.pk)}))
    assert numbers(found.events) == [3]
    assert len(looked_at) == 1
