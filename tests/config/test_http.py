"""What all URLs have in common, on a real server: headers, health, errors, limits on bodies."""

import socket
from collections.abc import Iterator

import httpx
import pytest

from plugins.runtime.sandbox_status import MISSING
from tests.server import ROOT, Server, problem_code


@pytest.fixture
def client(server: Server) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=server.url, timeout=30) as client:
        yield client


def test_pages_have_a_strict_content_security_policy(client: httpx.Client) -> None:
    for path in ("/", "/plugins", "/plugins/template/greet", "/no/such/page"):
        response = client.get(path)
        assert response.status_code == 200
        policy = {
            part.split()[0]: part.split()[1:]
            for part in response.headers["Content-Security-Policy"].split("; ")
        }
        assert policy["default-src"] == ["'none'"]
        assert policy["script-src"] == ["'self'"]
        assert policy["frame-ancestors"] == ["'none'"]
        assert "unsafe" not in response.headers["Content-Security-Policy"]
        assert response.headers["X-Content-Type-Options"] == "nosniff"
        assert response.headers["Referrer-Policy"] == "same-origin"
        assert "csrftoken" in response.cookies


def test_only_files_with_a_hash_in_their_name_are_cached_for_ever(
    server: Server, client: httpx.Client
) -> None:
    page = client.get("/").text
    script = page.partition('src="/static/assets/')[2].partition('"')[0]
    response = client.get(f"/static/assets/{script}")
    assert response.status_code == 200
    assert "immutable" in response.headers["Cache-Control"]
    assert response.content == (ROOT / "frontend" / "dist" / "assets" / script).read_bytes()
    assert "Warning" not in server.log.read_text()
    assert "no-store" in client.get("/").headers["Cache-Control"]


def test_only_the_plugin_worker_script_is_sandboxed(client: httpx.Client) -> None:
    served = sorted(path.name for path in (ROOT / "frontend" / "dist" / "assets").glob("*.js"))
    policies = {
        name: client.get(f"/static/assets/{name}").headers.get("Content-Security-Policy") for name in served
    }
    (worker,) = (name for name in served if name.startswith("plugin-worker-"))
    policy = policies.pop(worker)
    assert policy is not None
    assert policy.split("; ")[:2] == ["sandbox allow-scripts", "default-src 'none'"]
    assert "allow-same-origin" not in policy
    assert set(policies.values()) == {None}


def test_health_and_readiness_report_ok(client: httpx.Client) -> None:
    assert client.get("/healthz").json() == {"status": "ok"}
    ready = client.get("/readyz").json()
    assert (ready["status"], ready["database"]) == ("ok", "ok")
    assert list(ready["sandbox"]) == list(MISSING)


@pytest.mark.parametrize("path", ["/api/v1/nothing", "/api/", "/host/v1/nothing", "/host/v2/users"])
def test_an_unknown_api_url_is_a_problem(client: httpx.Client, path: str) -> None:
    response = client.get(path)
    assert response.status_code == 404
    assert response.headers["Content-Type"] == "application/problem+json"
    assert problem_code(response) == "not-found"


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_an_unknown_url_is_not_found_by_any_method(client: httpx.Client, method: str) -> None:
    assert problem_code(client.request(method, "/api/v1/nothing")) == "not-found"


def test_an_unknown_host_header_is_refused(client: httpx.Client) -> None:
    assert client.get("/api/v1/setup", headers={"Host": "evil.example"}).status_code == 400


def test_a_body_over_the_limit_is_refused_before_it_is_read(server: Server) -> None:
    with socket.create_connection(("127.0.0.1", server.port)) as connection:
        lines = ["POST /api/v1/setup HTTP/1.1", f"Host: 127.0.0.1:{server.port}", f"Content-Length: {10**12}"]
        connection.sendall("\r\n".join([*lines, "", ""]).encode())
        assert connection.recv(4096).startswith(b"HTTP/1.1 413")


@pytest.mark.parametrize(
    ("path", "limit"), [("/api/v1/setup", 16 << 20), ("/api/v1/plugins", (40 << 20) + (64 << 10))]
)
def test_only_bundle_uploads_may_be_larger(server: Server, path: str, limit: int) -> None:
    def respond(size: int) -> bytes:
        with socket.create_connection(("127.0.0.1", server.port), timeout=30) as connection:
            lines = [f"POST {path} HTTP/1.1", f"Host: 127.0.0.1:{server.port}", f"Content-Length: {size}"]
            connection.sendall("\r\n".join([*lines, "", ""]).encode())
            connection.shutdown(socket.SHUT_WR)
            return connection.recv(4096)

    assert respond(limit + 1).startswith(b"HTTP/1.1 413")
    assert not respond(limit).startswith(b"HTTP/1.1 413")


def test_a_chunked_upload_over_the_limit_is_cut_off_while_it_arrives(server: Server) -> None:
    """Without a Content-Length, the server learns the size only while it reads."""
    sent = 0

    def body() -> Iterator[bytes]:
        nonlocal sent
        for _ in range(200):
            sent += 1 << 20
            yield b"x" * (1 << 20)

    headers = {"Content-Type": "multipart/form-data; boundary=x"}
    with server.log_in("owner@example.com") as owner:
        try:
            response = owner.post("/api/v1/plugins", content=body(), headers=headers)
            assert problem_code(response) == "payload-too-large"
        except (httpx.WriteError, httpx.RemoteProtocolError):
            pass  # the server closed the connection while we were still sending: also refused
        assert sent < 200 << 20, "the server did not stop reading"
        assert owner.get("/healthz").status_code == 200


def test_a_chunked_body_over_the_limit_is_cut_off(client: httpx.Client) -> None:
    def endless() -> Iterator[bytes]:
        for _ in range(64):
            yield b"x" * (1 << 20)

    try:
        response = client.post(
            "/api/v1/setup", content=endless(), headers={"Content-Type": "application/json"}
        )
    except (httpx.WriteError, httpx.RemoteProtocolError):
        return  # the server closed the connection while we were still sending: also refused
    assert response.status_code == 413
    assert problem_code(response) == "payload-too-large"


def test_a_chunked_body_is_read_like_any_other(client: httpx.Client) -> None:
    body = b'{"code": "WRONG", "email": "eve@example.com", "name": "Eve", "password": "a long walk at dusk"}'
    response = client.post(
        "/api/v1/setup", content=iter([body[:20], body[20:]]), headers={"Content-Type": "application/json"}
    )
    assert problem_code(response) == "setup-done"


def test_a_json_body_has_a_lower_limit(client: httpx.Client) -> None:
    response = client.post("/api/v1/setup", json={"code": "x" * (2 << 20)})
    assert response.status_code == 413
    assert problem_code(response) == "payload-too-large"


def test_clients_that_disconnect_during_a_call_block_nobody(server: Server) -> None:
    """An abandoned call continues in its thread, which no other request uses until the call has ended."""
    server.install_fixture("faults")
    with server.log_in("owner@example.com") as owner:
        for _ in range(6):
            with pytest.raises(httpx.ReadTimeout):
                owner.post("/api/v1/plugins/faults/call/sleep_forever", timeout=0.1)
        for _ in range(20):
            assert owner.get("/healthz").status_code == 200
        running = owner.get("/api/v1/executions?state=running&plugin=faults").json()["results"]
        assert running, "the other requests had to wait until the abandoned calls had ended"
        responses = [
            owner.post("/api/v1/plugins/faults/call/echo", content=f"{n}".encode()) for n in range(10)
        ]
        assert [response.text for response in responses] == [str(n) for n in range(10)]
