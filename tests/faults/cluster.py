"""One or three Apache Kafka brokers of the fault tests: each a process that can be killed, paused and started again."""

import signal
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaError
from aiokafka.protocol.admin import AlterPartitionReassignmentsRequest
from aiokafka.protocol.metadata import MetadataRequest

from bus.local import kafka
from bus.local.jars import Jars
from bus.local.ports import PortClaims
from bus.local.process import Child, spawn, stop_all
from bus.local.quick_start import QuickStart
from bus.local.state import cluster_id
from tests.bus_under_test import eventually
from tests.faults.elect_leaders import ElectLeadersRequest

SESSION_S = 6  # a broker that was silent for so long is fenced and its leaders move
READY_S_MAX = 180.0
CALL_MS = 10_000


@dataclass(slots=True, kw_only=True)
class Broker:
    """One node, broker and controller; without a process it is down."""

    number: int
    data: Path
    port: int
    controller_port: int
    child: Child | None = None
    paused: bool = False


@dataclass(slots=True, kw_only=True)
class Cluster:
    """Brokers 1 to n with replication n and, of three, two in-sync replicas wanted for every write.

    For the main thread alone: children die with the thread that starts them.
    """

    jars: Jars
    quick: QuickStart
    brokers: dict[int, Broker]
    identity: str = field(default_factory=cluster_id)

    @property
    def bootstrap(self) -> str:
        """Name all brokers, as clients are given them."""
        return ",".join(kafka.bootstrap(port=one.port) for one in self.brokers.values())

    @property
    def up(self) -> list[int]:
        """Number the brokers that run and are not paused."""
        return [n for n, one in self.brokers.items() if one.child and not one.paused and one.child.ended() is None]

    def begin(self) -> None:
        """Make the brokers' directories and start all; does not wait until they answer."""
        for broker in self.brokers.values():
            self._configure(broker)
        with ThreadPoolExecutor() as pool:
            list(pool.map(self._format, self.brokers.values()))
        for number in self.brokers:
            self.start(number)

    def start(self, number: int) -> None:
        """Start a broker that is down, on its own log; does not wait. Idempotent."""
        broker = self.brokers[number]
        if broker.child is not None and broker.child.ended() is None:
            return
        home = broker.data / "kafka"
        command = kafka.java_command(home, jars=self.jars.kafka, quick_start=self.quick.kafka, main="kafka.Kafka")
        broker.child = spawn(
            f"kafka-{number}",
            [*command, str(home / "server.properties")],
            log=broker.data / "kafka.log",
            cwd=home,
            polite=signal.SIGKILL,  # also what it gets when the tests die: a paused process heeds nothing else
        )
        broker.paused = False

    def kill(self, number: int) -> None:
        """Kill a broker with SIGKILL; idempotent."""
        broker = self.brokers[number]
        if broker.child is not None:
            broker.child.popen.kill()
            broker.child.popen.wait()
        broker.child, broker.paused = None, False

    def pause(self, number: int) -> None:
        """Let a broker stand still with all its connections open (SIGSTOP)."""
        self._signal(number, signal.SIGSTOP)
        self.brokers[number].paused = True

    def resume(self, number: int) -> None:
        """Let a paused broker go on (SIGCONT); idempotent."""
        self._signal(number, signal.SIGCONT)
        self.brokers[number].paused = False

    def heal(self) -> None:
        """Resume what is paused and start what is down; does not wait."""
        for number, broker in self.brokers.items():
            if broker.paused:
                self.resume(number)
            self.start(number)

    def stop(self) -> None:
        """Kill all brokers; their logs are of no use afterwards."""
        stop_all([one.child for one in self.brokers.values() if one.child is not None], grace_s=0)

    async def leader_of(self, topic: str, partition: int) -> int:
        """Name the broker that leads a partition; -1 while none does. Asks the brokers that are up."""
        (found,) = await self.partitions([topic])
        return int(next(one["leader"] for one in found["partitions"] if one["partition"] == partition))

    async def partitions(self, topics: Sequence[str] | None = None) -> list[dict[str, Any]]:
        """Describe topics (all of them by default) with leader, replicas and in-sync replicas of each partition."""
        return list((await self._metadata(topics))["topics"])

    async def whole(self) -> bool:
        """Say whether every broker takes part, every partition has a leader and all its replicas are in sync."""
        if not all(kafka.answers(port=one.port) for one in self.brokers.values()):
            return False
        try:
            told = await self._metadata()
        except (KafkaError, OSError):
            return False
        there = {one["node_id"] for one in told["brokers"]}
        found = [one for topic in told["topics"] for one in topic["partitions"]]
        return there == set(self.brokers) and all(
            one["leader"] in there and set(one["isr"]) == set(one["replicas"]) for one in found
        )

    async def ready(self, within_s: float = READY_S_MAX) -> None:
        """Wait until the cluster is whole."""
        await eventually(self.whole, within_s=within_s, what=lambda: f"a whole cluster: {self.last_words()}")

    async def move_leaders(self, topics: Iterable[str]) -> None:
        """Let the next replica lead each partition: the order of replicas turns by one, and its first is elected."""
        found = {one["topic"]: one["partitions"] for one in await self.partitions(list(topics))}
        turned = {
            topic: {one["partition"]: [*one["replicas"][1:], one["replicas"][0]] for one in partitions}
            for topic, partitions in found.items()
        }
        wanted: list[Any] = [
            (topic, [(partition, replicas, {}) for partition, replicas in partitions.items()], {})
            for topic, partitions in turned.items()
        ]
        answer = await self._ask(AlterPartitionReassignmentsRequest(CALL_MS, wanted, {}))
        assert answer.error_code == 0, answer
        await self.elect_preferred({topic: list(partitions) for topic, partitions in turned.items()})

    async def elect_preferred(self, partitions: dict[str, list[int]]) -> None:
        """Let the first replica of each partition lead it, where it is in sync."""
        await self._ask(ElectLeadersRequest(list(partitions.items()), CALL_MS))

    def last_words(self) -> str:
        """Give the end of each broker's log."""
        return "\n".join(one.child.last_words(4) if one.child else "down" for one in self.brokers.values())

    async def _metadata(self, topics: Sequence[str] | None = None) -> dict[str, Any]:
        answer = await self._ask(MetadataRequest(None if topics is None else list(topics), False))
        return dict(answer.to_object())

    async def _ask(self, request: object) -> Any:
        """Send a request to a broker that is up: aiokafka's own admin may choose one that is dead or paused."""
        number = self.up[0]
        client = AIOKafkaClient(
            bootstrap_servers=kafka.bootstrap(port=self.brokers[number].port), request_timeout_ms=CALL_MS
        )
        try:
            await client.bootstrap()
            return await client.send(number, request)
        finally:
            await client.close()

    def _signal(self, number: int, which: signal.Signals) -> None:
        child = self.brokers[number].child
        if child is not None and child.ended() is None:
            child.popen.send_signal(which)

    def _configure(self, broker: Broker) -> None:
        path = kafka.configure(broker.data, port=broker.port, controller_port=broker.controller_port)
        count = len(self.brokers)
        voters = ",".join(f"{n}@127.0.0.1:{one.controller_port}" for n, one in self.brokers.items())
        own = {
            "node.id": broker.number,
            "controller.quorum.voters": voters,
            "min.insync.replicas": max(1, count - 1),
            "default.replication.factor": count,
            "offsets.topic.replication.factor": count,
            "transaction.state.log.replication.factor": count,
            "transaction.state.log.min.isr": max(1, count - 1),
            "share.coordinator.state.topic.replication.factor": count,
            "share.coordinator.state.topic.min.isr": max(1, count - 1),
            "broker.session.timeout.ms": SESSION_S * 1000,
            "broker.heartbeat.interval.ms": 1000,
        }
        with path.open("a") as file:  # of two lines with one name the later one counts
            file.writelines(f"{name}={value}\n" for name, value in own.items())

    def _format(self, broker: Broker) -> None:
        kafka.format_log(broker.data / "kafka", jars=self.jars.kafka, cluster=self.identity)


def make_cluster(folder: Path, *, count: int, jars: Jars, quick: QuickStart, claims: PortClaims) -> Cluster:
    """Claim the ports of a cluster of `count` brokers; nothing runs yet."""
    brokers = {}
    for number in range(1, count + 1):
        ports = claims.claim(("kafka", "kafka_controller"), {}, fixed={})
        brokers[number] = Broker(
            number=number,
            data=folder / f"broker-{number}",
            port=ports["kafka"],
            controller_port=ports["kafka_controller"],
        )
    return Cluster(jars=jars, quick=quick, brokers=brokers)
