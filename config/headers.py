"""The response headers of static files."""

import re
from collections.abc import MutableMapping

# The worker that runs plugins in a visitor's browser (frontend/src/browser/plugin-worker.ts).
PLUGIN_WORKER = re.compile(r"/assets/plugin-worker-[\w-]+\.js$")
# `sandbox` makes its origin opaque: no cookies, no storage, no session at our own API. The worker refuses to
# run where this is not in force, so a renamed file cannot fail open.
PLUGIN_WORKER_POLICY = (
    "sandbox allow-scripts; default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; connect-src 'self'"
)


def add_headers(headers: MutableMapping[str, str], path: str, url: str) -> None:
    """WhiteNoise's hook, for each file that it serves."""
    if PLUGIN_WORKER.search(url):
        headers["Content-Security-Policy"] = PLUGIN_WORKER_POLICY
