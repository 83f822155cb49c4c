"""What goes wrong between client and server, each by its name and with the way out."""

from __future__ import annotations

import socket
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any, Callable

import pytest
from conftest import GREETING, Proxy

import unitcell
from unitcell.local_server import LocalServer


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def test_nothing_at_the_address() -> None:
    with pytest.raises(unitcell.ServerUnreachable, match=r"\(start a server: unitcell-env serve\)") as caught:
        unitcell.connect(f"ws://127.0.0.1:{free_port()}")
    assert isinstance(caught.value, ConnectionError)


@pytest.mark.parametrize("text", ["ftp://x", "ws://", "no address", "ws://127.0.0.1:99999"])
def test_a_text_that_is_no_address(text: str) -> None:
    with pytest.raises(unitcell.ServerUnreachable, match="give e.g. ws://"):
        unitcell.connect(text)


def test_another_kind_of_server(url: str) -> None:
    server = HTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with pytest.raises(unitcell.NotAUnitcellServer, match="check the address"):
        unitcell.connect(f"ws://127.0.0.1:{server.server_port}")
    server.shutdown()
    server.server_close()
    with pytest.raises(unitcell.NotAUnitcellServer):
        unitcell.connect(f"{url}/elsewhere")


@pytest.mark.parametrize("prefix", ["ws://", "http://", ""])
def test_addresses_may_be_written_as_others_write_them(url: str, prefix: str) -> None:
    address = url.removeprefix("ws://").removesuffix("/v1")
    with unitcell.connect(prefix + address) as client:
        assert 0 < client.ping() < 10


def test_a_refused_token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UNITCELL_TOKEN", "secret")
    server = LocalServer()
    with unitcell.connect(server.url) as client:
        client.ping()
    with pytest.raises(unitcell.Unauthorized, match="UNITCELL_TOKEN"):
        unitcell.connect(server.url, token="guess")
    server.stop()


def test_a_server_of_another_major_version(scripted: Callable[..., str], monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setattr("unitcell.client.PROTOCOL_VERSION", "2.0")
    with pytest.raises(unitcell.VersionMismatch, match="install the version") as caught:
        unitcell.connect(url)
    assert caught.value.details["client"] == "2.0"


def test_a_server_that_dies_mid_episode_is_a_lost_connection() -> None:
    server = LocalServer()
    env = unitcell.CrystalFillEnv(server.url, reconnect=0.5)
    env.reset(seed=1)
    server.stop()
    with pytest.raises(unitcell.ConnectionLost, match="look whether the server still runs"):
        env.step(1)
    with pytest.raises(unitcell.ConnectionLost):
        env.reset()
    env.close()


def test_a_connection_that_breaks_is_taken_up_where_it_broke(proxy: Proxy) -> None:
    env = unitcell.CrystalFillEnv(proxy.url)
    env.reset(seed=1, options={"crystal": "reference-lif-rocksalt"})
    env.step(2)
    proxy.cut()
    observation, reward, terminated, _, info = env.step(8)
    assert terminated and info["outcome"]["failure"] is None
    env.close()


def test_a_step_whose_answer_was_lost_is_not_taken_twice(proxy: Proxy) -> None:
    env = unitcell.CrystalFillEnv(proxy.url)
    env.reset(seed=1, options={"crystal": "reference-caf2-fluorite"})
    proxy.is_deaf = True
    threading.Timer(0.5, proxy.cut).start()
    assert env.step(2)[0]["step"] == [1]
    assert env.client.request("observe", handle=1)["observation"]["step"] == 1
    env.close()


def test_many_requests_under_way_are_each_carried_out_once(proxy: Proxy, url: str) -> None:
    def play(address: str, cut: bool) -> list[Any]:
        with unitcell.connect(address) as client:
            handle = client.request("make", environment="CrystalFill-v1", count=2)["handle"]
            client.request("reset", handle=handle, seed=9)
            calls = [client.begin("step", handle=handle, actions=[i % 88, 1]) for i in range(200)]
            client.finish(calls[20])
            if cut:
                proxy.cut()
            return [client.finish(call)["observation"]["elements"]["data"] for call in calls]

    assert play(proxy.url, True) == play(url, False)


def test_a_session_the_server_has_forgotten(proxy: Proxy, monkeypatch: pytest.MonkeyPatch) -> None:
    client = unitcell.connect(proxy.url)
    client.server["resume"] = "another"  # type: ignore[index]
    proxy.cut()
    with pytest.raises(unitcell.SessionLost, match="connect again and reset"):
        client.ping()
    client.close()


def test_no_answer_in_time(scripted: Callable[..., str]) -> None:
    client = unitcell.connect(scripted(lambda request, send: None), timeout=0.3)
    with pytest.raises(unitcell.RequestTimeout, match="no answer to ping within 0.3 s"):
        client.ping()
    client.close()


def test_an_accepted_request_takes_as_long_as_it_takes_and_its_progress_is_heard(scripted: Callable[..., str]) -> None:
    def script(request: dict[str, Any], send: Callable[..., None]) -> None:
        send(id=request["id"], accepted=True)
        for iteration in range(3):
            time.sleep(0.2)
            running = {"state": "running", "iteration": iteration, "estimated_accuracy_ry": 1e-2, "elapsed_seconds": 1.0}
            send(id=request["id"], progress=running)
        send(event="something-new", payload=1)
        send(id=request["id"], ok=True, result={"time": 1.0})

    heard: list[Any] = []
    with unitcell.connect(scripted(script), timeout=0.4) as client:
        client.request("ping", on_progress=heard.append)
    assert [progress["iteration"] for progress in heard] == [0, 1, 2]


def test_deferred_rewards_come_by_event_or_by_asking(scripted: Callable[..., str]) -> None:
    settled = {"handle": 1, "env": None, "reward": 2.5, "outcome": {"source": "dft"}, "error": None}
    failed = {**settled, "reward": None, "outcome": None}
    error = {"code": "evaluation_unavailable", "message": "the disk is full", "retryable": True, "details": {"reason": "x"}}

    def script(request: dict[str, Any], send: Callable[..., None]) -> None:
        if request["op"] == "ping":
            for number in (1, 2):
                send(event="evaluation", evaluation=number, **settled)
            send(event="evaluation", evaluation=3, **{**failed, "error": error})
            send(id=request["id"], ok=True, result={"time": 1.0})
        elif request["evaluation"] == 9:
            send(id=request["id"], ok=True, result={"state": "queued", "evaluation": 9, "place": 1})
        else:
            send(id=request["id"], ok=True, result={"state": "done", "evaluation": 5, **settled})

    with unitcell.connect(scripted(script)) as client:
        client.ping()
        assert client.evaluation(2).reward == 2.5
        with pytest.raises(unitcell.EvaluationUnavailable, match="mend it on the server"):
            client.evaluation(3)
        assert client.evaluation(5).evaluation == 5
        assert [one.evaluation for one in client.evaluations(timeout=0.1)] == [1]
        with pytest.raises(TimeoutError):
            client.evaluation(9, timeout=0.1)


def test_the_bar_says_iteration_accuracy_and_place(capsys: pytest.CaptureFixture[str]) -> None:
    import io

    stream = io.StringIO()
    bar = unitcell.ProgressBar(stream)
    bar({"state": "queued", "place": 3})
    bar({"state": "running", "iteration": 1, "estimated_accuracy_ry": 1.0, "elapsed_seconds": 2.0})
    bar({"state": "running", "iteration": 9, "estimated_accuracy_ry": 1e-3, "elapsed_seconds": 12.0})
    text = stream.getvalue()
    bar.close()
    assert "queued, place 3" in text and "iteration 9, 1.0e-03 Ry, 12 s" in text and "50%" in text


def test_a_busy_program_stays_connected(scripted: Callable[..., str]) -> None:
    """What the server says, its pings included, is taken in while the program is elsewhere."""
    def script(request: dict[str, Any], send: Callable[..., None]) -> None:
        send(id=request["id"], ok=True, result={"time": 1.0})

    greeting = {**GREETING, "limits": {**GREETING["limits"], "heartbeat_seconds": 0.4}}  # type: ignore[dict-item]
    client = unitcell.connect(scripted(script, greeting))
    socket_ = client._channel._socket
    before = socket_.heard
    call = client.begin("ping")
    time.sleep(0.6)
    assert socket_.heard > before and call.answer is not None
    client.close()


def test_a_closed_client_says_so(url: str) -> None:
    client = unitcell.connect(url)
    client.close()
    client.close()
    with pytest.raises(unitcell.ConnectionClosed):
        client.ping()
