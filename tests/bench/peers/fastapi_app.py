"""Extism behind FastAPI in the two obvious ways. Runs in the peers' environment.

    uvicorn --factory fastapi_app:plugin_per_request
    uvicorn --factory fastapi_app:shared_compiled_plugin

Neither of them isolates guests: one that loops, hoards memory or crashes takes the server down.
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
    """The first version that people write. libextism's compile cache, on by default, saves compiling."""
    return serve(lambda guest: extism.Plugin(GUESTS[guest], wasi=True))


def shared_compiled_plugin() -> FastAPI:
    """Compiles each module once and makes a new instance for each call."""
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
