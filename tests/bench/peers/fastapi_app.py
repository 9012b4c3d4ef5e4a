"""Extism behind FastAPI in the two ways that come first to mind; the peers' own environment runs it.

    uvicorn --factory fastapi_app:plugin_per_request
    uvicorn --factory fastapi_app:shared_compiled_plugin

Neither isolates anything: a guest that loops, hoards memory or crashes takes the server with it.
"""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import extism
from extism.extism import CompiledPlugin
from fastapi import Depends, FastAPI, HTTPException, Request, Response

# PEER_GUESTS: "name=path" of each module, separated by the system's path separator.
GUESTS = {
    name: Path(path).read_bytes()
    for name, _, path in (entry.partition("=") for entry in os.environ["PEER_GUESTS"].split(os.pathsep))
}
MakePlugin = Callable[[str], extism.Plugin]


def plugin_per_request() -> FastAPI:
    """What people write first. libextism's compile cache, which is on by default, saves the compiling."""
    return serve(lambda guest: extism.Plugin(GUESTS[guest], wasi=True))


def shared_compiled_plugin() -> FastAPI:
    """Compiled once, and a fresh instance for each call."""
    compiled = {name: CompiledPlugin(wasm, wasi=True) for name, wasm in GUESTS.items()}
    return serve(lambda guest: extism.Plugin(compiled[guest]))


def serve(make_plugin: MakePlugin) -> FastAPI:
    app = FastAPI()

    @app.post("/{guest}/{function}")
    def call(guest: str, function: str, payload: Annotated[bytes, Depends(body)]) -> Response:
        if guest not in GUESTS:
            raise HTTPException(404)
        with make_plugin(guest) as plugin:
            return Response(plugin.call(function, payload), media_type="application/json")

    return app


async def body(request: Request) -> bytes:
    return await request.body()
