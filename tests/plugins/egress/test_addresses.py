"""Where a granted name may lead: public addresses, and never this server."""

import socket
import time
from contextlib import ExitStack
from dataclasses import replace

import pytest

from plugins.egress.destinations import Destinations, PrivateException
from plugins.egress.gate import EgressRefused, EgressUnreachable, Gate, Request
from tests.plugins.egress.guest import MOST, NAME, Guest
from tests.plugins.egress.outside import Outside, outside


@pytest.mark.parametrize(
    "addresses",
    [["127.0.0.1"], ["10.0.0.1"], ["169.254.169.254"], ["::1"], ["::ffff:127.0.0.1"], ["64:ff9b::7f00:1"],
     ["8.8.8.8", "127.0.0.1"], ["127.0.0.1", "8.8.8.8"]],
)  # fmt: skip
def test_a_name_that_leads_to_a_private_address_is_refused(
    guest: Guest, server: Outside, base: str, addresses: list[str]
) -> None:
    guest.resolver.answers = [addresses]
    guest.gate = replace(guest.gate, destinations=Destinations())
    with pytest.raises(EgressRefused) as refused:
        guest.ask(f"{base}/")
    assert server.seen == []
    assert guest.audit == [(f"GET {base}/", 403)]
    assert not any(address in refused.value.detail for address in addresses)


def test_a_private_address_is_refused_also_where_a_rule_names_it(guest: Guest, server: Outside) -> None:
    guest.gate = replace(guest.gate, destinations=Destinations())
    with pytest.raises(EgressRefused):
        guest.may(f"http://127.0.0.1:{server.port}/").ask(f"http://127.0.0.1:{server.port}/")
    assert server.seen == []


def test_the_connection_goes_to_the_address_that_was_checked(server: Outside, base: str) -> None:
    """DNS rebinding: the name has another address as soon as it was looked up once."""
    with outside("127.0.0.2", server.port) as other:
        guest = Guest(server)
        guest.gate = replace(
            guest.gate, destinations=Destinations((PrivateException.parse(f"127.0.0.1:{server.port}"),))
        )
        guest.resolver.answers = [["127.0.0.1"], ["127.0.0.2"]]
        assert guest.ask(f"{base}/").status == 200
        assert guest.resolver.asked == [(NAME, server.port)]
        assert (len(server.seen), len(other.seen)) == (1, 0)
        assert server.seen[0].values("host") == [f"{NAME}:{server.port}"]
        with pytest.raises(EgressRefused):
            guest.ask(f"{base}/")
        assert other.seen == []


def test_another_address_of_the_name_is_tried_if_the_first_does_not_answer(
    guest: Guest, server: Outside, base: str
) -> None:
    guest.resolver.answers = [["127.0.0.3", "127.0.0.1"]]  # nobody listens on the first
    assert guest.ask(f"{base}/").status == 200


def test_an_address_that_swallows_connections_leaves_time_for_the_next(server: Outside, base: str) -> None:
    with socket.socket() as full, ExitStack() as waiting:
        full.bind(("127.0.0.3", server.port))
        full.listen(0)
        for _ in range(4):  # they fill its queue, and from then on it does not even refuse
            one = waiting.enter_context(socket.socket())
            one.setblocking(False)
            one.connect_ex(("127.0.0.3", server.port))
        guest = Guest(server)
        guest.resolver.answers = [["127.0.0.3", "127.0.0.1"]]
        assert guest.send(Request("GET", f"{base}/", {}, b""), deadline=time.monotonic() + 4).status == 200


@pytest.mark.parametrize("answer", [[], OSError("no such name")])
def test_a_name_without_an_address_is_unreachable(guest: Guest, base: str, answer: object) -> None:
    def resolve(host: str, port: int) -> list[str]:
        if isinstance(answer, Exception):
            raise answer
        return []

    guest.gate = replace(guest.gate, resolve=resolve)
    with pytest.raises(EgressUnreachable):
        guest.ask(f"{base}/")


def test_the_systems_resolver_knows_localhost(server: Outside) -> None:
    guest = Guest(server).may(f"http://localhost:{server.port}/")
    loopback = tuple(PrivateException.parse(f"{net}:{server.port}") for net in ("127.0.0.0/8", "[::1]"))
    guest.gate = Gate(Destinations(loopback), MOST, 10, "hostbridge-test")
    assert guest.ask(f"http://localhost:{server.port}/").body == b"hello"


def test_proxies_of_the_environment_are_not_used(
    guest: Guest, server: Outside, base: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with outside() as proxy:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
        assert guest.ask(f"{base}/").status == 200
        assert (len(server.seen), proxy.seen) == (1, [])


def test_this_server_is_never_reached(guest: Guest, server: Outside, base: str) -> None:
    destinations = Destinations(guest.exceptions, own_ports=frozenset({server.port}))
    guest.gate = replace(guest.gate, destinations=destinations)
    with pytest.raises(EgressRefused, match="this server itself"):
        guest.ask(f"{base}/")
    destinations = Destinations(guest.exceptions, own_names=frozenset({(NAME, server.port)}))
    guest.gate = replace(guest.gate, destinations=destinations)
    guest.resolver.asked.clear()
    with pytest.raises(EgressRefused, match="this server itself"):
        guest.ask(f"{base}/")
    assert (server.seen, guest.resolver.asked) == ([], [])
