"""The engine of a server process, from start to stop."""

import asyncio
import uuid

import pytest

from plugins.runtime.admission_queue import Overloaded
from plugins.runtime.current_engine import get_engine, get_pool, shut_down_engine, start_engine, stop_engine


def test_stopped_server_refuses_late_calls_and_starts_no_second_engine() -> None:
    async def serve() -> None:
        engine = start_engine()
        await stop_engine()
        assert get_engine() is engine
        with pytest.raises(Overloaded), get_pool().admit(uuid.uuid4(), "late"):
            pass

    shut_down_engine()
    asyncio.run(serve())
    shut_down_engine()
