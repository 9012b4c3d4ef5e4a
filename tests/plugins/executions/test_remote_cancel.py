"""Cancelling calls that run in another server process. Through the API: tests/plugins/api/."""

import asyncio

import pytest

from plugins.executions import remote_cancel


def test_polling_survives_errors(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    polls = 0

    def get_engine() -> None:
        nonlocal polls
        polls += 1
        raise RuntimeError("something unexpected")

    async def poll() -> None:
        polling = asyncio.create_task(remote_cancel.poll_forever())
        while polls < 2:
            await asyncio.sleep(0.01)
        polling.cancel()

    monkeypatch.setattr(remote_cancel, "POLL_SECONDS", 0)
    monkeypatch.setattr(remote_cancel, "get_engine", get_engine)
    asyncio.run(asyncio.wait_for(poll(), 10))
    assert "something unexpected" in caplog.text
