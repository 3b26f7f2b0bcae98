"""What is in a bundle: each part by its name, what it is, and how it is made."""

import platform
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from functools import partial
from importlib.metadata import distributions, version
from pathlib import Path
from typing import Any, Final

from psycopg.rows import dict_row

from bus.alerts.engine.alert_admin import open_alerts
from bus.consistency.check_result import CheckCode, CheckResult
from bus.consistency.consumer_store import all_consumers
from bus.consistency.consumer_text import consumer_json
from bus.doctor.examination import examine
from bus.http_client import client_at
from bus.postgres.heartbeats import read_beats
from bus.postgres.pool import Pool, connected, in_transaction
from bus.postgres.retention import days_kept, storage
from bus.programs.topics_check import check_all
from bus.settings import Settings
from bus.settings_listing import listing
from bus.support.bundle import BundlePart, NothingToShow
from bus.support.cleaning import Cleaner, unquoted
from deadletter.disk_store import all_disks
from schemas.topics import load_contract

LOG_BYTES_MAX: Final = 2 * 1024 * 1024  # of each log its end
ASKED_S_MAX: Final = 20.0
# Where what listens on every address is asked.
_LOCAL: Final = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}  # noqa: S104 - nothing is bound
_POSTGRESQL: Final = b"""
SELECT name, setting, unit, source FROM pg_settings
WHERE source NOT IN ('default', 'client')
    AND name !~* 'file|directory|ssl|password|conninfo|command|user|role|ident|hba'
ORDER BY name"""
_TABLES: Final = b"""
SELECT relname AS table, n_live_tup AS live, n_dead_tup AS dead, seq_scan, idx_scan, last_autovacuum, last_autoanalyze
FROM pg_stat_user_tables ORDER BY relname"""
_STATEMENTS_THERE: Final = b"SELECT 1 FROM pg_extension WHERE extname = 'pg_stat_statements'"
# Statements of other kinds (CREATE ROLE … PASSWORD) are kept as they were written, so they stay out.
_STATEMENTS: Final = b"""
SELECT regexp_replace(left(query, 2000), '''[^'']*''', '***', 'g') AS query, calls, total_exec_time AS total_ms,
    mean_exec_time AS mean_ms, rows, shared_blks_hit, shared_blks_read, temp_blks_written
FROM pg_stat_statements s JOIN pg_database d ON d.oid = s.dbid
WHERE d.datname = current_database() AND query ~* '^\\s*(SELECT|INSERT|UPDATE|DELETE|WITH|COPY)'
ORDER BY total_exec_time DESC LIMIT 50"""
_MIGRATIONS: Final = b"SELECT version FROM schema_migrations ORDER BY version"


class BundleSources:
    """Makes the parts from a bus that the settings name; `data` is the local stack's directory, where one is here."""

    def __init__(
        self,
        *,
        given: Settings,
        settings: Settings,
        pool: Pool | None,
        data: Path,
        cleaner: Cleaner,
        environment: Mapping[str, str],
        now: datetime,
    ) -> None:
        """Take settings as they were given and as they are used."""
        self._given, self._settings, self._pool, self._data = given, settings, pool, data
        self._cleaner, self._environment, self._now = cleaner, environment, now

    def parts(self) -> Sequence[BundlePart]:
        """List every part; those of logs by the files that are here."""
        logs = sorted((self._data / "logs").glob("*.log"))
        return [
            BundlePart(name="doctor.json", what="what `ticketbus doctor` says", make=self._doctor),
            BundlePart(name="versions.json", what="releases, packages, system, migrations", make=self._versions),
            BundlePart(name="settings.json", what="settings, secrets masked by name", make=self._show_settings),
            BundlePart(name="programs.json", what="heartbeats of a day, and what parts say", make=self._programs),
            BundlePart(name="alerts.json", what="open alerts by rule, without their texts", make=self._alerts),
            BundlePart(name="topics.json", what="what `ticketbus topics check --live` says", make=self._topics),
            BundlePart(name="consumers.json", what="consumer groups and queues: lag and verdict", make=self._consumers),
            BundlePart(name="disks.json", what="disks as they were judged last", make=self._disks),
            BundlePart(name="tables.json", what="sizes of tables, rows, vacuum", make=self._tables),
            BundlePart(
                name="postgresql.json", what="PostgreSQL's settings that are not defaults", make=self._postgresql
            ),
            BundlePart(name="statements.json", what="pg_stat_statements: the costliest 50", make=self._statements),
            BundlePart(name="metrics-gateway.txt", what="metrics of the gateway", make=self._gateway_metrics),
            BundlePart(name="metrics-worker.txt", what="metrics of a worker on this host", make=self._worker_metrics),
            *(
                BundlePart(name=f"logs/{one.name}", what=f"the end of {one.name}", make=partial(self._log, one))
                for one in logs
            ),
            *([] if logs else [BundlePart(name="logs", what="logs of programs", make=self._no_logs)]),
        ]

    async def _doctor(self) -> Any:
        return [asdict(one) for one in await examine(self._settings, self._now, self._environment)]

    async def _versions(self) -> Any:
        found = {
            "ticketbus": version("ticketbus"),
            "python": sys.version,
            "platform": platform.platform(),
            "packages": dict(sorted((one.name, one.version) for one in distributions())),
        }
        return (
            {**found, "migrations": [one["version"] for one in await self._asked(_MIGRATIONS)]} if self._pool else found
        )

    async def _show_settings(self) -> Any:
        shown = listing(self._given, self._settings)
        return {one.variable: {"value": one.value, "source": one.source} for one in shown}

    async def _programs(self) -> Any:
        beats = await in_transaction(self._database(), read_beats)
        return [
            {**asdict(one), "parts": {part: why and unquoted(why) for part, why in one.parts.items()}} for one in beats
        ]

    async def _alerts(self) -> Any:
        found = await in_transaction(self._database(), open_alerts)
        return [
            {"rule": one.rule, "severity": one.severity, "opened_at": one.opened_at, "gone_at": one.gone_at,
             "hidden": bool(one.hidden_by), "repeats": one.repeats}
            for one in found
        ]  # fmt: skip

    async def _topics(self) -> Any:
        found = await check_all(self._settings, load_contract(), self._now)
        return [topic_check(one) for one in found]

    async def _consumers(self) -> Any:
        return [consumer_json(one) for one in await in_transaction(self._database(), all_consumers)]

    async def _disks(self) -> Any:
        return [asdict(one) for one in await in_transaction(self._database(), all_disks)]

    async def _tables(self) -> Any:
        sizes = await storage(self._database(), days_kept(self._settings.keep_days))
        return {"stored": [asdict(one) for one in sizes], "statistics": await self._asked(_TABLES)}

    async def _postgresql(self) -> Any:
        return await self._asked(_POSTGRESQL)

    async def _statements(self) -> Any:
        if not await self._asked(_STATEMENTS_THERE):
            raise NothingToShow("the extension pg_stat_statements is not there")
        return await self._asked(_STATEMENTS)

    async def _gateway_metrics(self) -> str:
        if not self._settings.url or not self._settings.token:
            raise NothingToShow("TICKETBUS_URL and TICKETBUS_TOKEN (of role sre) are not set")
        return await self._metrics(self._settings.url, self._settings.token.get_secret_value())

    async def _worker_metrics(self) -> str:
        if not self._settings.metrics_port:
            raise NothingToShow("TICKETBUS_METRICS_PORT is not set")
        scheme = "https" if self._settings.http_certificate_file else "http"
        host = self._settings.http_host
        host = _LOCAL.get(host, host)
        return await self._metrics(f"{scheme}://{host}:{self._settings.metrics_port}", "")

    async def _metrics(self, url: str, token: str) -> str:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        async with client_at(url, self._settings, timeout_s=ASKED_S_MAX, headers=headers) as http:
            answer = await http.get("/metrics")
        if answer.status_code != 200:
            raise NothingToShow(f"/metrics answers {answer.status_code}")
        return "\n".join(map(self._cleaner.text, answer.text.split("\n")))

    async def _log(self, path: Path) -> str:
        clean = {"postgres.log": self._cleaner.postgresql_line, "kafka.log": self._cleaner.java_line,
                 "registry.log": self._cleaner.java_line}.get(path.name, self._cleaner.program_line)  # fmt: skip
        lines = _end_of(path).decode(errors="replace").split("\n")
        return "\n".join(filter(None, map(clean, lines))) + "\n"

    async def _no_logs(self) -> str:
        raise NothingToShow(f"no logs lie in {self._data / 'logs'}: in production they are where stderr goes")

    def _database(self) -> Pool:
        if self._pool is None:
            raise NothingToShow("DATABASE_URL is not set")
        return self._pool

    async def _asked(self, query: bytes) -> list[dict[str, Any]]:
        async with connected(self._database()) as connection, connection.cursor(row_factory=dict_row) as cursor:
            await cursor.execute("SET LOCAL statement_timeout = '20s'")
            return await (await cursor.execute(query)).fetchall()


def _end_of(path: Path) -> bytes:
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - LOG_BYTES_MAX))
        return file.read()


def topic_check(one: CheckResult) -> Mapping[str, Any]:
    """Show a result without what quotes people: evidence as a number, and no text of a filter, which names them."""
    shown = {**one.as_json(), "evidence": len(one.evidence)}
    quotes = ("zh", "en", "nearest") if one.code is CheckCode.FILTER_MATCHES_NOTHING else ()
    return {name: value for name, value in shown.items() if name not in quotes}
