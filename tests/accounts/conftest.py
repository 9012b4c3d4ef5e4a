"""What the account tests share: a listener to live events, and many callers at one moment."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from channels.layers import get_channel_layer
from django.db import connections

Listen = Callable[[str], AbstractContextManager[list[dict[str, Any]]]]


@pytest.fixture
def listen(db: None, django_capture_on_commit_callbacks: Any) -> Listen:
    """`with listen(group) as events:` fills the list with what the group was told by the end of the block."""

    @contextmanager
    def listen(group: str) -> Iterator[list[dict[str, Any]]]:
        layer = get_channel_layer()
        channel = async_to_sync(layer.new_channel)()
        async_to_sync(layer.group_add)(group, channel)
        heard: list[dict[str, Any]] = []
        with django_capture_on_commit_callbacks(execute=True):
            yield heard
        queue = layer.channels.get(channel)
        while queue is not None and not queue.empty():
            heard.append(queue.get_nowait()[1]["event"])
        async_to_sync(layer.group_discard)(group, channel)

    return listen


def at_once(times: int, work: Callable[[], Any]) -> list[Any]:
    """What `times` threads got that all began `work` at the same moment; an exception is a result as well."""
    gate = threading.Barrier(times)

    def one(_: int) -> Any:
        gate.wait()
        try:
            return work()
        except Exception as error:
            return error
        finally:
            connections.close_all()

    with ThreadPoolExecutor(times) as pool:
        return list(pool.map(one, range(times)))
