"""Response headers of static files."""

import re
from collections.abc import MutableMapping

# The worker that runs plugins in a visitor's browser (frontend/src/browser/plugin-worker.ts).
PLUGIN_WORKER = re.compile(r"/assets/plugin-worker-[\w-]+\.js$")
# `sandbox` gives the worker an opaque origin: no cookies, no storage, no session for our own API. The worker
# refuses to run without this policy, so renaming the file cannot remove the protection unnoticed.
PLUGIN_WORKER_POLICY = (
    "sandbox allow-scripts; default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; connect-src 'self'"
)


def add_headers(headers: MutableMapping[str, str], path: str, url: str) -> None:
    """WHITENOISE_ADD_HEADERS_FUNCTION: WhiteNoise calls it for each file it serves."""
    if PLUGIN_WORKER.search(url):
        headers["Content-Security-Policy"] = PLUGIN_WORKER_POLICY
