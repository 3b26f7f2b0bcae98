"""A secured stack as docs/securing.md makes it: the page's own commands, with this machine's ports and tools."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from secrets import token_hex
from tempfile import TemporaryFile

import psutil
import psycopg
from pydantic import SecretStr

from bus.local import jars, kafka, postgres, quick_start, schema_registry
from bus.local.ports import PortClaims
from bus.local.process import Child, spawn, stop_all
from bus.settings import Settings, load, secret_files, variables
from tests.compose.compose_file import ROOT

PAGE = ROOT / "docs" / "securing.md"
PORTS = {
    9092: "kafka",
    9093: "kafka_controller",
    9094: "kafka",
    5432: "postgres",
    8443: "registry",
    8444: "http",
    8445: "http",
}
WRITTEN = rf"\b({'|'.join(map(str, PORTS))})\b"
SUPERUSER = "ticketbus"  # of PostgreSQL, as the local stack makes it
STEP_S_MAX = 180


@dataclass(frozen=True, slots=True, kw_only=True)
class SecuredStack:
    """The stack in its folder, and how the page's commands are run on it."""

    folder: Path
    ports: Mapping[int, int]
    environment: Mapping[str, str]
    sessions: list[int] = field(default_factory=list)
    children: list[Child] = field(default_factory=list)

    @property
    def gateway(self) -> str:
        """Where the gateway is."""
        return f"https://localhost:{self.ports[8444]}"

    @property
    def kafka(self) -> str:
        """Where Kafka takes clients."""
        return f"localhost:{self.ports[9092]}"

    def secret(self, name: str) -> str:
        """Read a file of the folder `secrets`."""
        return (self.folder / "secrets" / name).read_text().strip()

    def settings(self, user: str) -> Settings:
        """Give settings by which this process connects to Kafka as a user."""
        return Settings(
            kafka_bootstrap=self.kafka,
            kafka_security_protocol="SASL_SSL",
            kafka_sasl_mechanism="SCRAM-SHA-256",
            kafka_ca_file=self.folder / "secrets" / "ca.pem",
            kafka_username=user,
            kafka_password=SecretStr(self.secret(f"{user}.password")),
        )

    def blocks(self, heading: str, language: str = "sh") -> Sequence[str]:
        """Give the page's blocks of a language below a heading, with this machine's ports."""
        text = PAGE.read_text(encoding="utf-8").partition(f"\n{heading}\n")[2]
        section = re.split(r"^#{2,3} ", text, maxsplit=1, flags=re.MULTILINE)[0]
        found = re.findall(rf"^```{language}\n(.*?)^```$", section, re.DOTALL | re.MULTILINE)
        return [re.sub(WRITTEN, self._port, one) for one in found]

    def run(self, script: str) -> str:
        """Run a script in the page's shell; gives what it says. AssertionError when it fails."""
        done = self.tried(script)
        assert done.returncode == 0, f"{script}\n{done.stdout[-1500:]}\n{done.stderr[-3000:]}"
        return done.stdout

    def tried(self, script: str) -> subprocess.CompletedProcess[str]:
        """Run a script in the page's shell, whatever comes of it; what it starts in the background stays."""
        before = "\n".join(
            line
            for heading in ("## 1. Certificates and secrets", "## 5. Topics, rights, schemas")
            for block in self.blocks(heading)
            for line in block.splitlines()
            if line.startswith(("export ", "as()"))
        )
        with TemporaryFile("w+") as out, TemporaryFile("w+") as err:  # pipes would wait for what runs in the background
            process = subprocess.Popen(
                ["sh", "-ec", f"{before}\n{script}"],
                cwd=self.folder, env=dict(self.environment), start_new_session=True,
                stdin=subprocess.DEVNULL, stdout=out, stderr=err,
            )  # fmt: skip
            self.sessions.append(process.pid)
            code = process.wait(STEP_S_MAX)
            out.seek(0)
            err.seek(0)
            return subprocess.CompletedProcess(script, code, out.read(), err.read())

    def restart(self, program: str) -> None:
        """Stop a program by SIGTERM and start it as the page does."""
        for process in self._processes():
            with suppress(psutil.Error):
                if process.cmdline()[-1:] == [program]:
                    process.terminate()
                    process.wait(60)
        (start,) = [
            line for line in self.blocks("## 6. Programs")[0].splitlines() if f"exec ticketbus {program})" in line
        ]
        self.run(start)

    def log_of(self, program: str) -> str:
        """Read what a program logged."""
        return (self.folder / f"{program}.log").read_text(errors="replace")

    def stop(self) -> None:
        """Stop all that the page's commands started, and the servers."""
        for process in self._processes():
            with suppress(psutil.Error):
                process.kill()
        stop_all(self.children, grace_s=0)

    def as_superuser(self, database: str = "postgres") -> "psycopg.Connection[tuple[object, ...]]":
        """Connect to PostgreSQL as its superuser, by TLS."""
        url = (
            f"host=localhost port={self.ports[5432]} user={SUPERUSER} password={self.environment['PGPASSWORD']} "
            f"dbname={database} sslmode=verify-full sslrootcert={self.folder / 'secrets' / 'ca.pem'}"
        )
        return psycopg.connect(url, autocommit=True)

    def _processes(self) -> Iterator[psutil.Process]:
        for process in psutil.process_iter():
            with suppress(psutil.Error, ProcessLookupError):
                if os.getsid(process.pid) in self.sessions:
                    yield process

    def _port(self, found: re.Match[str]) -> str:
        return str(self.ports[int(found[0])])


@contextmanager
def secured_stack(folder: Path) -> Iterator[SecuredStack]:
    """Follow the page down to its programs; everything is stopped at the end."""
    cache = load().cache
    found, claims = jars.provide(cache), PortClaims(cache)
    quick = quick_start.provide(cache, found)
    ports = {written: claims.claim((name,), {}, fixed={})[name] for written, name in PORTS.items()}
    password = token_hex(16)
    (folder / "ops").symlink_to(ROOT / "ops")
    stack = SecuredStack(folder=folder, ports=ports, environment=_environment(folder, ports[5432], password))
    home = folder / "kafka-home"
    kafka.configure(folder, port=1, controller_port=2)  # for its log4j2.properties alone
    (folder / "kafka").rename(home)
    _tools(folder / "bin", home, found.kafka, quick.kafka)
    try:
        for block in [*stack.blocks("## 1. Certificates and secrets"), *stack.blocks("## 2. Kafka")]:
            stack.run(block)
        stack.children.append(_postgres(stack, password))
        until(lambda: _connects(stack), (folder / "postgres.log").read_text)
        for block in stack.blocks("## 3. PostgreSQL"):
            stack.run(block)
        stack.children.append(_registry(stack, found.registry_home, quick.registry))
        listed = f"https://localhost:{ports[8443]}/apis/ccompat/v7/subjects"
        until(
            lambda: stack.tried(f"curl -sf --cacert secrets/ca.pem {listed}").returncode == 0,
            lambda: (folder / "registry.log").read_text()[-3000:],
        )
        until(
            lambda: "Kafka Server started" in (folder / "kafka.log").read_text(),
            lambda: (folder / "kafka.log").read_text()[-3000:],
        )
        for heading in ("## 5. Topics, rights, schemas", "## 6. Programs"):
            for block in stack.blocks(heading):
                stack.run(block)
        yield stack
    finally:
        stack.stop()
        claims.release()


def until(holds: Callable[[], bool], what: Callable[[], str]) -> None:
    """Wait until the condition holds; AssertionError after the limit, with what happened."""
    end = time.monotonic() + STEP_S_MAX
    while not holds():
        assert time.monotonic() < end, what()
        time.sleep(0.1)


def _environment(folder: Path, port: int, password: str) -> dict[str, str]:
    """Give the environment of the page's shell: no setting of ours, PostgreSQL's superuser, our tools first."""
    ours = {*variables().values(), *secret_files().values()}
    path = [folder / "bin", Path(sys.executable).parent, os.environ["PATH"], binaries()]
    return {
        **{name: value for name, value in os.environ.items() if name not in ours},
        "PATH": os.pathsep.join(map(str, path)),
        "TICKETBUS_DATA": str(folder / "data"),
        "TICKETBUS_PROBE_EVERY": "PT0S",
        "PGHOST": "localhost", "PGPORT": str(port), "PGUSER": SUPERUSER, "PGPASSWORD": password,
        "PGSSLMODE": "verify-full", "PGSSLROOTCERT": str(folder / "secrets" / "ca.pem"),
        "COLUMNS": "1000",
    }  # fmt: skip


def _tools(folder: Path, home: Path, archives: Sequence[Path], quick: Path | None) -> None:
    """Put Kafka's own tools on the path. That for users is not among our jars: it takes the same arguments."""
    folder.mkdir()
    java = kafka.java_command(home, jars=archives, main="kafka.tools.StorageTool", options=["-XX:TieredStopAtLevel=1"])
    server = kafka.java_command(home, jars=archives, quick_start=quick, main="kafka.Kafka")
    quoted = [" ".join(f"'{part}'" for part in command) for command in (java, server)]
    scripts = {
        "kafka-storage.sh": f'#!/bin/sh\nexec {quoted[0]} "$@"\n',
        "kafka-server-start.sh": f'#!/bin/sh\n{quoted[1]} "$2" > kafka.log 2>&1 &\n',
        "kafka-configs.sh": f'#!/bin/sh\nexec {sys.executable} -m tests.peers.kafka_configs "$@"\n',
    }
    for name, text in scripts.items():
        (folder / name).write_text(text)
        (folder / name).chmod(0o755)


def binaries() -> Path | None:
    """Give where a PostgreSQL is that was built with TLS, which that of the local stack is not; None without."""
    on_path = shutil.which("postgres")
    found = [Path(on_path).resolve().parent] if on_path else Path("/usr/lib/postgresql").glob("*/bin")
    return max(found, default=None)


def _postgres(stack: SecuredStack, password: str) -> Child:
    """Start PostgreSQL with the page's lines in its files, as a user of its own where we are root."""
    tools, user = binaries(), "postgres" if os.getuid() == 0 else None
    assert tools is not None
    data = stack.folder / "postgres"
    data.mkdir(mode=0o700)
    secret = stack.folder / "superuser.password"
    secret.write_text(password)
    if user is not None:
        stack.folder.chmod(0o711)
        shutil.chown(data, user)
        shutil.chown(secret, user)
    how = [f"--username={SUPERUSER}", f"--pwfile={secret}", "--auth=scram-sha-256", "--encoding=UTF8"]
    command = [str(tools / "initdb"), *how, "--locale=C.UTF-8", str(data)]
    done = subprocess.run(
        command, user=user, cwd=data, env=postgres.environment(), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    (configuration,), (access,) = (stack.blocks("## 3. PostgreSQL", one) for one in ("ini", "text"))
    with (data / "postgresql.conf").open("a") as file:
        file.write(configuration)
    (data / "pg_hba.conf").write_text(access)
    for source, name in (("postgres.pem", "server.pem"), ("ca.pem", "ca.pem")):
        shutil.copyfile(stack.folder / "secrets" / source, data / name)
        (data / name).chmod(0o600)
        if user is not None:
            shutil.chown(data / name, user)
    options = ["-c", "listen_addresses=localhost", "-c", f"port={stack.ports[5432]}", "-c", "unix_socket_directories="]
    return spawn(
        "postgres", [str(tools / "postgres"), "-D", str(data), *options],
        log=stack.folder / "postgres.log", env=postgres.environment(), cwd=data, user=user, polite=signal.SIGINT,
    )  # fmt: skip


def _connects(stack: SecuredStack) -> bool:
    try:
        stack.as_superuser().close()
    except psycopg.OperationalError:
        return False
    return True


def _registry(stack: SecuredStack, home: Path, quick: Path | None) -> Child:
    """Start the registry with its env file, as the page does, where it is unpacked."""
    command = " ".join(f"'{part}'" for part in schema_registry.java_command(quick_start=quick))
    script = f"set -a; . '{stack.folder}/secrets/registry.env'; exec {command}"
    environment = dict(stack.environment) | {"QUARKUS_LOG_LEVEL": "WARN"}
    return spawn("registry", ["/bin/sh", "-c", script], log=stack.folder / "registry.log", cwd=home, env=environment)
