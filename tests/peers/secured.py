"""One real broker as docker-compose.kafka.yml secures it: TLS, users and passwords, what no ACL allows is refused."""

import asyncio
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from bus.kafka.clients import make_consumer
from bus.local import jars, kafka, quick_start
from bus.local.ports import PortClaims
from bus.local.process import Child, spawn, stop_all
from bus.local.state import cluster_id
from bus.settings import Settings, load
from tests.bus_under_test import Bus, eventually
from tests.compose.compose_file import ROOT, properties

PROGRAMS = ("prepare", "gateway", "worker", "watch", "operator")
USERS = ("admin", *(f"ticketbus.{one}" for one in PROGRAMS), "source.mes", "subscriber.bi")


@dataclass(frozen=True, slots=True, kw_only=True)
class Secured:
    """A running broker, and the folder of its certificates and passwords."""

    bootstrap: str
    secrets: Path
    child: Child

    def environment(self, user: str) -> dict[str, str]:
        """Give the variables by which a program connects as a user."""
        return {
            "KAFKA_BOOTSTRAP": self.bootstrap,
            "TICKETBUS_KAFKA_SECURITY_PROTOCOL": "SASL_SSL",
            "TICKETBUS_KAFKA_SASL_MECHANISM": "SCRAM-SHA-256",
            "TICKETBUS_KAFKA_CA_FILE": str(self.secrets / "ca.pem"),
            "TICKETBUS_KAFKA_USERNAME": user,
            "TICKETBUS_KAFKA_PASSWORD_FILE": str(self.secrets / f"{user}.password"),
        }

    def settings(self, user: str, **other: str | None) -> Settings:
        """Give settings with which this process connects as a user."""
        given = {
            name.removeprefix("TICKETBUS_").lower(): value
            for name, value in self.environment(user).items()
            if not name.endswith("PASSWORD_FILE")
        }
        return Settings.model_validate({**given, "kafka_password": password(self.secrets, user), **other})

    async def started(self) -> bool:
        """Say whether the broker takes clients; its port tells nothing, users are known a little later."""
        return "Kafka Server started" in self.child.log.read_text()


@contextmanager
def secured_kafka(folder: Path) -> Iterator[Secured]:
    """Run the broker for as long as the block lasts; does not wait until it answers."""
    cache = load().cache
    found, claims, secrets = jars.provide(cache), PortClaims(cache), folder / "secrets"
    quick = quick_start.provide(cache, found)
    ports = [claims.claim((one,), {}, fixed={})[one] for one in ("kafka", "kafka", "kafka_controller")]
    environment = {**os.environ, "BROKERS": "kafka-1", "USERS": " ".join(USERS)}
    subprocess.run([ROOT / "ops" / "secure.sh", secrets], env=environment, check=True, capture_output=True)
    home = folder / "kafka"
    kafka.configure(folder, port=ports[0], controller_port=ports[2])
    with (home / "server.properties").open("a") as file:  # of two lines with one name the later one counts
        file.writelines(f"{name}={value}\n" for name, value in _properties(home, secrets, *ports).items())
    scram = [f"--add-scram=SCRAM-SHA-256=[name={one},password={password(secrets, one)}]" for one in USERS]
    kafka.format_log(home, jars=found.kafka, cluster=cluster_id(), options=scram)
    command = kafka.java_command(home, jars=found.kafka, quick_start=quick.kafka, main="kafka.Kafka")
    child = spawn("kafka", [*command, str(home / "server.properties")], log=folder / "kafka.log", cwd=home)
    try:
        yield Secured(
            bootstrap=kafka.bootstrap(port=ports[0]),
            secrets=secrets,
            child=child,
        )
    finally:
        stop_all([child], grace_s=0)
        claims.release()


def password(secrets: Path, user: str) -> str:
    """Read a user's password."""
    return (secrets / f"{user}.password").read_text().strip()


def _properties(home: Path, secrets: Path, clients: int, brokers: int, controller: int) -> dict[str, str]:
    """Give the compose file's settings of a broker, with this machine's ports and files, and one copy of everything."""
    given = properties("kafka-1")
    single = {name: "1" for name in given if name.endswith(("replication.factor", ".isr", "insync.replicas"))}
    advertised = f"INSIDE://127.0.0.1:{clients},BROKERS://127.0.0.1:{brokers}"
    return {
        **given,
        **single,
        "log.dirs": str(home / "log"),
        "controller.quorum.voters": f"1@127.0.0.1:{controller}",
        "listeners": f"{advertised},CONTROLLER://127.0.0.1:{controller}",
        "advertised.listeners": advertised,
        "ssl.keystore.location": str(secrets / "kafka-1.pem"),
        "ssl.truststore.location": str(secrets / "ca.pem"),
    }


async def sees_who_reads(subscriber: Settings, bus: Bus, operator: Bus) -> None:
    """Let a subscriber read: the worker sees its group, the operator that all is as declared, and sets it back."""
    group = f"{subscriber.kafka_username}/watched"

    async def seen() -> bool:
        return bool(bus.query("SELECT 1 FROM topic_readers WHERE who = %s", group))

    async with make_consumer(subscriber, "ticket.status", group_id=group) as consumer:
        await eventually(seen, what=lambda: bus.last_words("worker"))
        await consumer.seek_to_end()
        await consumer.commit({where: await consumer.position(where) for where in consumer.assignment()})
        done = await asyncio.to_thread(operator.run, "topics", "check", "--live")
    assert (done.returncode, f"INFO 消费组 {group} 读取" in done.stdout) == (0, True), done.stdout + done.stderr
    who = ("bi", "--owner", "数据组", "--contact", "bi@corp", "--topic", "ticket.status", "--group", group)
    assert (await asyncio.to_thread(operator.run, "subscription", "add", *who)).returncode == 0
    to = (datetime.now(UTC) - timedelta(hours=1)).isoformat()
    back = await asyncio.to_thread(operator.run, "subscription", "rewind", "bi", "--to", to)
    assert (back.returncode, "1 条重读 read again,已设置 / set" in back.stdout) == (0, True), back.stdout + back.stderr
