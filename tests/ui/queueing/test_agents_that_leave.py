"""Calls of agents that leave before the answer."""

import json
import socket
import time
from urllib.parse import urlsplit

import pytest


@pytest.mark.parametrize("progress_token", [None, 7])
def test_a_call_ends_when_its_agent_leaves(work_server, progress_token):
    address = urlsplit(work_server.url)
    call = {"name": "run", "arguments": {"name": "left", "seconds": 20}}
    if progress_token is not None:
        call["_meta"] = {"progressToken": progress_token}
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": call}).encode()
    head = (
        f"POST {address.path}/mcp/ HTTP/1.1\r\nHost: {address.netloc}\r\nContent-Type: application/json\r\n"
        f"Accept: application/json, text/event-stream\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    with socket.create_connection((address.hostname, address.port)) as agent:
        agent.sendall(head.encode() + body)
        work_server.wait_for(lambda: work_server.begun == ["left"])
        left_at = time.monotonic()
    work_server.wait_for(lambda: "left" in work_server.stopped)
    assert work_server.stopped["left"] - left_at < 3
