"""Which call gets the next worker. Needs no processes, threads or clock."""

import uuid
from dataclasses import dataclass

import pytest

from plugins.runtime.admission_queue import AdmissionQueue, Overloaded, Ticket


@dataclass(eq=False)
class Worker:
    last_plugin: str = ""


Queue = AdmissionQueue[Worker]


def queue(workers: int, length: int = 10, *, up: int | None = None) -> Queue:
    """`up`: how many of the workers have started; all by default."""
    calls: Queue = AdmissionQueue(workers=workers, length=length)
    for _ in range(workers if up is None else up):
        calls.add(Worker())
    return calls


def enter(queue: Queue, plugin: str = "any", share: int | None = None) -> Ticket[Worker]:
    return queue.enter(uuid.uuid4(), plugin, share)


def end(queue: Queue, ticket: Ticket[Worker]) -> None:
    queue.leave(ticket, reuse_worker=True)


def test_call_gets_an_idle_worker_at_once() -> None:
    calls = queue(1)
    ticket = enter(calls)
    assert ticket.worker is not None
    assert ticket.has_turn
    assert (calls.running, len(calls.idle), len(calls.waiting)) == (1, 0, 0)


def test_calls_are_served_in_order_of_arrival() -> None:
    calls = queue(1)
    running, second, third = (enter(calls, plugin) for plugin in "abc")
    woken: list[str] = []
    second.wake, third.wake = lambda: woken.append("second"), lambda: woken.append("third")
    end(calls, running)
    assert woken == ["second"]
    end(calls, second)
    assert woken == ["second", "third"]


def test_calls_wait_for_the_first_worker_to_start() -> None:
    calls = queue(2, up=0)
    ticket = enter(calls)
    assert ticket.worker is None
    worker = Worker()
    calls.add(worker)
    assert ticket.worker is worker


def test_full_callsrefuses_the_next_call() -> None:
    calls = queue(1, length=1)
    enter(calls, "a")
    waiting = enter(calls, "b")
    with pytest.raises(Overloaded):
        enter(calls, "c")
    calls.leave(waiting, reuse_worker=False)
    enter(calls, "c")


def test_plugin_gets_at_most_half_of_the_queue() -> None:
    calls = queue(1, length=4)
    for _ in range(3):  # one runs, two wait
        enter(calls, "greedy")
    with pytest.raises(Overloaded):
        enter(calls, "greedy")
    enter(calls, "modest")


def test_plugin_leaves_one_worker_to_others() -> None:
    calls = queue(3)
    greedy = [enter(calls, "greedy") for _ in range(3)]
    assert [ticket.worker is not None for ticket in greedy] == [True, True, False]
    assert enter(calls, "modest").worker is not None


def test_call_overtakes_those_whose_plugin_has_its_share() -> None:
    calls = queue(2)
    first, blocked, other = enter(calls, "slow"), enter(calls, "slow"), enter(calls, "quick")
    assert blocked.worker is None
    assert other.worker is not None
    end(calls, other)
    assert blocked.worker is None, "its plugin still has its share"
    end(calls, first)
    assert blocked.worker is not None


def test_plugin_can_have_a_smaller_share() -> None:
    calls = queue(3)
    first, second = enter(calls, "modest", 1), enter(calls, "modest", 1)
    assert first.worker is not None
    assert second.worker is None
    assert enter(calls, "other").worker is not None
    assert enter(calls, "other").worker is not None


def test_no_plugin_can_have_a_larger_share() -> None:
    calls = queue(2)
    assert [enter(calls, "greedy", 5).worker is not None for _ in range(2)] == [True, False]


def test_plugin_gets_the_worker_that_last_served_it() -> None:
    calls = queue(3)
    workers = [*calls.idle]
    workers[1].last_plugin = "mine"
    assert enter(calls, "mine").worker is workers[1]
    assert enter(calls, "mine").worker is workers[0]


def test_lost_worker_frees_its_plugins_share() -> None:
    calls = queue(2)
    first, blocked = enter(calls, "slow"), enter(calls, "slow")
    calls.leave(first, reuse_worker=False)
    assert blocked.worker is not None


def test_worker_given_to_a_call_that_just_gave_up_is_not_lost() -> None:
    calls = queue(1)
    running, late = enter(calls, "a"), enter(calls, "b")
    end(calls, running)
    assert late.worker is not None  # it gave up at the same moment and leaves
    end(calls, late)
    assert calls.running == 0
    assert enter(calls, "c").worker is not None


def test_call_whose_worker_was_unusable_is_next() -> None:
    calls = queue(1)
    unlucky, waiting = enter(calls, "a"), enter(calls, "b")
    calls.requeue(unlucky)
    assert unlucky.worker is None
    replacement = Worker()
    calls.add(replacement)
    assert unlucky.worker is replacement
    assert waiting.worker is None


def test_only_an_idle_worker_can_be_removed() -> None:
    calls = queue(1)
    (worker,) = calls.idle
    ticket = enter(calls)
    assert not calls.remove(worker)
    end(calls, ticket)
    assert calls.remove(worker)
    assert enter(calls).worker is None
