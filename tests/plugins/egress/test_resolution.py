"""Where a granted name may resolve to: public addresses, and never this server."""

import socket
import time
from contextlib import ExitStack
from dataclasses import replace

import pytest

from plugins.egress.gate import Gate, Request
from plugins.egress.ip_policy import Destinations, PrivateException
from plugins.egress.problems import EgressRefused, EgressUnreachable
from tests.plugins.egress.guest import MAX_RESPONSE_BYTES, NAME, Guest
from tests.plugins.egress.outside import Outside, outside


@pytest.mark.parametrize(
    "addresses",
    [["127.0.0.1"], ["10.0.0.1"], ["169.254.169.254"], ["::1"], ["::ffff:127.0.0.1"], ["64:ff9b::7f00:1"],
     ["8.8.8.8", "127.0.0.1"], ["127.0.0.1", "8.8.8.8"]],
)  # fmt: skip
def test_name_that_resolves_to_a_private_address_is_refused(
    guest: Guest, server: Outside, base: str, addresses: list[str]
) -> None:
    guest.resolver.answers = [addresses]
    guest.gate = replace(guest.gate, destinations=Destinations())
    with pytest.raises(EgressRefused) as refused:
        guest.request(f"{base}/")
    assert server.seen == []
    assert guest.audit == [(f"GET {base}/", 403)]
    assert not any(address in refused.value.detail for address in addresses)


def test_private_address_is_refused_even_if_a_rule_names_it(guest: Guest, server: Outside) -> None:
    guest.gate = replace(guest.gate, destinations=Destinations())
    with pytest.raises(EgressRefused):
        guest.grant(f"http://127.0.0.1:{server.port}/").request(f"http://127.0.0.1:{server.port}/")
    assert server.seen == []


def test_connection_goes_to_the_checked_address(server: Outside, base: str) -> None:
    """DNS rebinding: the name resolves to another address from the second look-up on."""
    with outside("127.0.0.2", server.port) as other:
        guest = Guest(server)
        guest.gate = replace(
            guest.gate, destinations=Destinations((PrivateException.parse(f"127.0.0.1:{server.port}"),))
        )
        guest.resolver.answers = [["127.0.0.1"], ["127.0.0.2"]]
        assert guest.request(f"{base}/").status == 200
        assert guest.resolver.lookups == [(NAME, server.port)]
        assert (len(server.seen), len(other.seen)) == (1, 0)
        assert server.seen[0].values("host") == [f"{NAME}:{server.port}"]
        with pytest.raises(EgressRefused):
            guest.request(f"{base}/")
        assert other.seen == []


def test_next_address_is_tried_if_the_first_does_not_answer(guest: Guest, server: Outside, base: str) -> None:
    guest.resolver.answers = [["127.0.0.3", "127.0.0.1"]]  # nobody listens on the first
    assert guest.request(f"{base}/").status == 200


def test_unresponsive_address_leaves_time_for_the_next(server: Outside, base: str) -> None:
    with socket.socket() as full, ExitStack() as waiting:
        full.bind(("127.0.0.3", server.port))
        full.listen(0)
        for _ in range(4):  # fill its queue; after that it does not even refuse connections
            client = waiting.enter_context(socket.socket())
            client.setblocking(False)
            client.connect_ex(("127.0.0.3", server.port))
        guest = Guest(server)
        guest.resolver.answers = [["127.0.0.3", "127.0.0.1"]]
        assert guest.send(Request("GET", f"{base}/", {}, b""), deadline=time.monotonic() + 4).status == 200


@pytest.mark.parametrize("answer", [[], OSError("no such name")])
def test_name_without_an_address_is_unreachable(guest: Guest, base: str, answer: object) -> None:
    def resolve(host: str, port: int) -> list[str]:
        if isinstance(answer, Exception):
            raise answer
        return []

    guest.gate = replace(guest.gate, resolve=resolve)
    with pytest.raises(EgressUnreachable):
        guest.request(f"{base}/")


def test_system_resolver_resolves_localhost(server: Outside) -> None:
    guest = Guest(server).grant(f"http://localhost:{server.port}/")
    loopback = tuple(PrivateException.parse(f"{net}:{server.port}") for net in ("127.0.0.0/8", "[::1]"))
    guest.gate = Gate(Destinations(loopback), MAX_RESPONSE_BYTES, 10, "hostbridge-test")
    assert guest.request(f"http://localhost:{server.port}/").body == b"hello"


def test_proxy_variables_of_the_environment_are_ignored(
    guest: Guest, server: Outside, base: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with outside() as proxy:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
        assert guest.request(f"{base}/").status == 200
        assert (len(server.seen), proxy.seen) == (1, [])


def test_this_server_itself_is_refused(guest: Guest, server: Outside, base: str) -> None:
    destinations = Destinations(guest.exceptions, own_ports=frozenset({server.port}))
    guest.gate = replace(guest.gate, destinations=destinations)
    with pytest.raises(EgressRefused, match="this server itself"):
        guest.request(f"{base}/")
    destinations = Destinations(guest.exceptions, own_names=frozenset({(NAME, server.port)}))
    guest.gate = replace(guest.gate, destinations=destinations)
    guest.resolver.lookups.clear()
    with pytest.raises(EgressRefused, match="this server itself"):
        guest.request(f"{base}/")
    assert (server.seen, guest.resolver.lookups) == ([], [])
