"""What the compose file tells Kafka and asks of the registry, tried on the real broker's own tools and on bash."""

import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from bus.local import jars, kafka
from bus.settings import load
from tests.compose.compose_file import BROKERS, COMPOSE, SERVICES, environment, properties


def test_parts_three_brokers_keep_three_copies_and_need_two() -> None:
    for broker in BROKERS:
        given = properties(broker)
        factors = {name: value for name, value in given.items() if name.endswith("replication.factor")}
        in_sync = {name: value for name, value in given.items() if name.endswith((".min.isr", "insync.replicas"))}
        assert len(factors) == 4
        assert set(factors.values()) == {"3"}
        assert len(in_sync) == 3
        assert set(in_sync.values()) == {"2"}
        assert given["auto.create.topics.enable"] == "false"


def test_parts_brokers_differ_in_their_names_and_volumes_and_agree_on_the_quorum() -> None:
    ids = {broker: properties(broker)["node.id"] for broker in BROKERS}
    assert len(set(ids.values())) == 3
    quorum = ",".join(f"{node}@{broker}:9093" for broker, node in ids.items())
    assert {properties(broker)["controller.quorum.voters"] for broker in BROKERS} == {quorum}
    assert len({environment(broker)["CLUSTER_ID"] for broker in BROKERS}) == 1
    volumes = [SERVICES[broker]["volumes"][0] for broker in BROKERS]
    assert volumes == [f"{broker}:{properties(broker)['log.dirs']}" for broker in BROKERS]
    assert {volume.split(":")[0] for volume in volumes} <= set(COMPOSE["volumes"])


def test_parts_a_broker_is_reached_from_the_host_where_it_says_and_its_port_is_published() -> None:
    for broker in BROKERS:
        inside, brokers, host = properties(broker)["advertised.listeners"].split(",")
        assert (inside, brokers) == (f"INSIDE://{broker}:9092", f"BROKERS://{broker}:9094")
        published = host.removeprefix("HOST://")
        assert SERVICES[broker]["ports"] == [f"{published}:{published.rpartition(':')[2]}"]


def test_parts_the_real_broker_takes_these_settings(tmp_path: Path) -> None:
    found = jars.provide(load().cache).kafka
    given = properties("kafka-2") | {"log.dirs": str(tmp_path / "log")}
    (tmp_path / "server.properties").write_text("".join(f"{name}={value}\n" for name, value in given.items()))
    kafka.format_log(tmp_path, jars=found, cluster=environment("kafka-2")["CLUSTER_ID"])
    assert "node.id=2" in (tmp_path / "log" / "meta.properties").read_text()


@pytest.mark.parametrize(("status", "healthy"), [(200, True), (503, False), (None, False)])
def test_parts_the_registrys_health_check_tells_an_answer_from_a_failure(status: int | None, healthy: bool) -> None:
    command = SERVICES["registry"]["healthcheck"]["test"]
    assert command[:3] == ["CMD", "bash", "-ec"]
    with _answering(status) as port:
        script = command[3].replace("$$", "$").replace("127.0.0.1/8080", f"127.0.0.1/{port}")
        done = subprocess.run(["bash", "-ec", script], capture_output=True, timeout=120, check=False)
    assert (done.returncode == 0) is healthy


@contextmanager
def _answering(status: int | None) -> Iterator[int]:
    """Answer one GET of the subjects with that status, any other with 404; without one, the port is closed."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(120)
        port: int = server.getsockname()[1]
        thread = threading.Thread(target=_answer, args=(server, status))
        if status is None:
            server.close()
        else:
            thread.start()
        yield port
        if status is not None:
            thread.join(120)


def _answer(server: socket.socket, status: int | None) -> None:
    connection, _ = server.accept()
    with connection:
        request = b""
        while not request.endswith(b"\r\n\r\n"):  # bash writes line by line; answering early would break its pipe
            request += connection.recv(4096)
        asked = request.startswith(b"GET /apis/ccompat/v7/subjects HTTP/1.")
        connection.sendall(f"HTTP/1.1 {status if asked else 404} Said\r\n\r\n".encode())
