"""Places in the queue."""

import asyncio
import os

import pytest
from gradio import queueing
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from shared.ui.queueing.fair_queue import PRIVATE_NETWORKS, use_fair_queue
from shared.ui.queueing.places import refusal


def test_a_full_queue_tells_its_length_and_when_to_come_back():
    addresses = [f"10.0.0.{number}" for number in range(32)]
    answer = refusal(addresses, "10.0.1.1", 32, wait=118)
    assert (answer.status, answer.seconds) == (503, 118)
    assert answer.sentence.startswith("32 calls are waiting already")
    assert "please try again in about 2 minutes" in answer.sentence


def test_an_address_has_a_quarter_of_the_places():
    addresses = ["10.0.0.1"] * 7 + ["10.0.0.2"] * 8
    assert refusal(addresses, "10.0.0.1", 32, wait=9) is None
    answer = refusal(addresses, "10.0.0.2", 32, wait=9)
    assert answer.status == 429
    assert answer.sentence.startswith("8 calls are waiting already from your address")
    assert "in about 10 seconds" in answer.sentence


def test_an_address_has_two_places_of_a_short_queue():
    assert refusal(["10.0.0.1"], "10.0.0.1", 3, wait=0) is None
    assert refusal(["10.0.0.1"] * 2, "10.0.0.1", 3, wait=0).seconds == 5


def test_nobody_is_sent_away_for_hours():
    answer = refusal(["10.0.0.1"] * 2, "10.0.0.2", 2, wait=9000)
    assert answer.seconds == 600
    assert "about 10 minutes" in answer.sentence


def test_visitors_of_a_space_count_by_the_address_that_its_proxy_names(monkeypatch):
    monkeypatch.setattr(queueing, "Queue", queueing.Queue)
    for space, addresses in (("", None), ("anna/edges", PRIVATE_NETWORKS)):
        monkeypatch.setenv("SPACE_ID", space)
        monkeypatch.setenv("FORWARDED_ALLOW_IPS", "")  # put back after the test
        monkeypatch.delenv("FORWARDED_ALLOW_IPS")
        use_fair_queue()
        assert os.environ.get("FORWARDED_ALLOW_IPS") == addresses


@pytest.mark.parametrize(
    ("header", "address"),
    [
        ("203.0.113.9", "203.0.113.9"),
        ("6.6.6.6, 203.0.113.9, 10.0.0.7", "203.0.113.9"),  # the first is the visitor's own invention
        ("6.6.6.6, 2001:db8::5", "2001:db8::5"),
    ],
)
def test_a_visitor_cannot_choose_an_address(header, address):
    scopes = []

    async def app(scope, receive, send):
        scopes.append(scope)

    proxied = ProxyHeadersMiddleware(app, trusted_hosts=PRIVATE_NETWORKS)
    scope = {"type": "http", "client": ("10.16.3.4", 5), "headers": [(b"x-forwarded-for", header.encode())]}
    asyncio.run(proxied(scope, None, None))
    assert scopes[0]["client"][0] == address
