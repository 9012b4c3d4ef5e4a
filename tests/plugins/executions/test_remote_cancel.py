"""Cancelling calls that run in another server process. Through the API: tests/plugins/api/."""

import asyncio

import pytest

from plugins.executions import remote_cancel


def test_an_error_does_not_end_the_search_for_requests(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    looks = 0

    def get_engine() -> None:
        nonlocal looks
        looks += 1
        raise RuntimeError("something unforeseen")

    async def look() -> None:
        looking = asyncio.create_task(remote_cancel.look_for_ever())
        while looks < 2:
            await asyncio.sleep(0.01)
        looking.cancel()

    monkeypatch.setattr(remote_cancel, "LOOK_SECONDS", 0)
    monkeypatch.setattr(remote_cancel, "get_engine", get_engine)
    asyncio.run(asyncio.wait_for(look(), 10))
    assert "something unforeseen" in caplog.text
