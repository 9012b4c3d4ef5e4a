"""core.feed: the order of events, how long they are kept, and what a client that resumes gets."""

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

EVERYONE = frozenset({events.EVERYONE_GROUP})


def publish(*numbers: int) -> None:
    """Publishes one batch for each number."""
    for number in numbers:
        events.publish("test", {"number": number}, to_all=True)


def numbers(published: list[feed.PublishedEvent]) -> list[int]:
    return [event.data["number"] for event in published]


def stored_numbers() -> list[int]:
    return [number for _, batch in feed.read_batches(0) for number in numbers(batch)]


def test_a_rolled_back_transaction_publishes_nothing(transactional_db: None) -> None:
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        publish(1)
        _ = 1 / 0
    publish(2)
    feed.assign_positions()
    assert stored_numbers() == [2]


def test_a_batch_committed_late_gets_a_higher_position(db: None) -> None:
    publish(1, 2, 3)
    late = EventBatch.objects.order_by("pk").first()
    assert late is not None
    EventBatch.objects.filter(pk=late.pk).delete()
    feed.assign_positions()
    late.save(force_insert=True)  # as if its transaction had begun first and committed last
    feed.assign_positions()
    assert stored_numbers() == [2, 3, 1]
    assert feed.newest_position() == EventBatch.objects.get(pk=late.pk).position


def test_concurrent_writers_and_readers_agree_on_the_order(transactional_db: None) -> None:
    """As in several server processes: each writes, assigns positions and reads at the same time."""
    received: list[list[str]] = []

    def write_and_read() -> None:
        position = 0
        mine: list[str] = []
        for number in range(30):
            with transaction.atomic():
                publish(number)
            feed.assign_positions()
            for at, batch in list(feed.read_batches(position)):
                position = at
                mine += [event.text for event in batch]
        received.append(mine)

    assert at_once(4, write_and_read) == [None] * 4
    feed.assign_positions()
    everything = [event.text for _, batch in feed.read_batches(0) for event in batch]
    assert len(everything) == len(set(everything)) == 120
    for mine in received:
        assert mine == everything[: len(mine)]


def test_positions_are_assigned_in_groups(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed, "BATCHES_AT_ONCE", 2)
    publish(*range(5))
    for expected in (2, 4, 5, 5):
        feed.assign_positions()
        assert stored_numbers() == list(range(expected))


def test_resuming_within_a_batch_returns_the_rest_of_it(db: None) -> None:
    batch = [events.Event("test", {"number": number}, []) for number in range(3)]
    events.publish_all(batch)
    feed.assign_positions()
    newest = feed.newest_position()
    found = feed.read_missed(Position(newest, 1), newest, {events.STAFF_GROUP})
    assert found.gap is None
    assert numbers(found.events) == [1, 2]
    assert feed.read_missed(Position(newest, 1), newest, EVERYONE).events == []


def test_old_batches_are_deleted_and_reported_as_a_gap(db: None) -> None:
    publish(1, 2, 3)
    feed.assign_positions()
    seen = next(Position(position, 1) for position, _ in feed.read_batches(0))
    too_old = timezone.now() - timedelta(seconds=feed.KEEP_SECONDS + 1)
    EventBatch.objects.filter(position__lte=seen.position + 1).update(at=too_old)
    assert feed.read_missed(seen, feed.newest_position(), EVERYONE).gap is None
    feed.delete_old_batches()
    found = feed.read_missed(seen, feed.newest_position(), EVERYONE)
    assert found.gap == Position(feed.newest_position(), 0)
    assert numbers(found.events) == stored_numbers() == [3]


def test_only_the_newest_events_are_kept(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed, "KEEP_EVENTS", 3)
    publish(*range(5))
    feed.assign_positions()
    feed.delete_old_batches()
    assert stored_numbers() == [2, 3, 4]


def test_the_newest_batch_stays_so_that_positions_keep_growing(db: None) -> None:
    publish(1, 2)
    feed.assign_positions()
    newest = feed.newest_position()
    EventBatch.objects.update(at=timezone.now() - timedelta(days=1))
    feed.delete_old_batches()
    assert stored_numbers() == [2]
    publish(3)
    feed.assign_positions()
    assert feed.newest_position() > newest
    assert feed.read_missed(Position(newest, 1), feed.newest_position(), EVERYONE).gap is None


@pytest.mark.parametrize("text", ["", "1", "-1", "1-", "a-1", "1-a", "1-1-1", "1" * 19 + "-1"])
def test_an_invalid_position_parses_as_none(text: str) -> None:
    assert Position.parse(text) is None


def test_a_position_parses_from_its_own_text() -> None:
    assert Position.parse(str(Position(12, 3))) == Position(12, 3)


def test_the_feed_survives_failures(transactional_db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    failures = iter([OSError("no descriptors"), ValueError("a bad row")])

    def newest_position() -> int:
        for failure in failures:
            raise failure
        return 7

    monkeypatch.setattr(feed, "newest_position", newest_position)
    monkeypatch.setattr(feed, "RETRY_SECONDS", 0.01)

    async def join() -> int:
        running = Feed()
        try:
            return await asyncio.wait_for(running.join(Listener(EVERYONE)), 20)
        finally:
            await running.close()

    assert asyncio.run(join()) == 7


def test_a_slow_listener_is_cut_off_and_gets_no_gaps(db: None) -> None:
    publish(*range(5))
    feed.assign_positions()
    published = [event for _, batch in feed.read_batches(0) for event in batch]

    async def receive() -> list[feed.PublishedEvent | None]:
        listener = Listener(EVERYONE)
        listener.MAX_QUEUED = 3  # type: ignore[misc]
        listener.deliver(published)
        listener.deliver(published)
        return [await asyncio.wait_for(listener.next(), 1) for _ in range(4)]

    *received, end = asyncio.run(receive())
    assert numbers([event for event in received if event]) == [0, 1, 2]
    assert end is None


def test_an_event_can_carry_any_text(db: None) -> None:
    words = "line\u2028 \x00 \ud800 “ü” </script>"
    events.publish("x", {"words": words})
    batch = EventBatch.objects.get()
    assert [event["data"]["words"] for event in batch.decode()] == [words]


def test_finding_missed_events_decodes_only_relevant_batches(
    alice: User, bob: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Thousands of events may be stored, and any logged-in user may resume again and again."""
    for user in (alice, bob, alice):
        events.publish("test", {"number": len(user.name)}, to_users=[user.pk])
    feed.assign_positions()
    decoded: list[EventBatch] = []
    decode = EventBatch.decode

    def decode_and_note(batch: EventBatch) -> list[dict[str, Any]]:
        decoded.append(batch)
        return decode(batch)

    monkeypatch.setattr(EventBatch, "decode", decode_and_note)
    found = feed.read_missed(Position(1, 0), feed.newest_position(), frozenset({events.user_group(bob.pk)}))
    assert numbers(found.events) == [3]
    assert len(decoded) == 1
