"""The clients: threads that each perform one action after another until they are stopped."""

import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import httpx

from tests.server import Server
from tests.soak.actions import MIX, Action, Actor, Busy, HungUp, NoAnswer, WrongAnswer

ANSWER_SECONDS = 60  # longer than any call may take, including its time in the queue


@contextmanager
def at_work(server: Server, actors: Sequence[Actor]) -> Iterator[None]:
    """Keeps all clients at work until the end of the block, then lets each finish its action.

    Raises a client's unexpected exception, which means that the soak itself is wrong.
    """
    stop = threading.Event()
    with ThreadPoolExecutor(len(actors), thread_name_prefix="client") as threads:
        clients = [threads.submit(_work, server, actor, stop) for actor in actors]
        try:
            yield
        finally:
            stop.set()
    for client in clients:
        client.result()


def _work(server: Server, actor: Actor, stop: threading.Event) -> None:
    tally = actor.tally
    with server.log_in(actor.email) as actor.http:
        actor.http.timeout = httpx.Timeout(ANSWER_SECONDS)
        for kind in _kinds(actor):
            if stop.is_set():
                break
            try:
                kind(actor)
            except Busy:
                tally.count(kind.__name__, "busy")
                time.sleep(0.5)
            except HungUp:
                tally.count(kind.__name__, "left")
            except (NoAnswer, httpx.TransportError) as error:
                tally.count(kind.__name__, "lost", repr(error))
                time.sleep(0.5)
            except WrongAnswer as error:
                tally.count(kind.__name__, "wrong", str(error))
                time.sleep(0.5)
            else:
                tally.count(kind.__name__, "right")


def _kinds(actor: Actor) -> Iterator[Action]:
    """Endless actions. The clients start with different ones, so that even a short soak tries them all."""
    kinds, weights = [*MIX], [*MIX.values()]
    yield kinds[actor.number % len(kinds)]
    while True:
        yield from actor.chance.choices(kinds, weights)
