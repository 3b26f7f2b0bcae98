"""Certificates are read from real servers: HTTPS and PostgreSQL's own handshake, ended ones and none at all."""

import asyncio
import json
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from bus.doctor.checks import reach
from bus.doctor.checks.certificates import CHECK
from bus.doctor.diagnosis import Examined
from bus.doctor.tls import shown_certificate
from bus.local.stack import Urls
from bus.settings import Settings
from schemas.topics import load_contract
from tests.adapters.certificates import DAY, PrivateAuthority


@asynccontextmanager
async def serving(context: ssl.SSLContext) -> AsyncIterator[int]:
    """Serve TLS and nothing else; gives the port."""

    async def close(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    server = await asyncio.start_server(close, "127.0.0.1", 0, ssl=context)
    async with server:
        yield server.sockets[0].getsockname()[1]


def ended(folder: Path) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(*PrivateAuthority(folder=folder).issue("server", (-3, -2)))
    return context


async def test_tls_a_certificate_is_read_also_one_that_nobody_trusts_or_that_has_ended(tmp_path: Path) -> None:
    async with serving(PrivateAuthority(folder=tmp_path).server()) as port:
        good = await shown_certificate("127.0.0.1", port)
    async with serving(ended(tmp_path)) as port:
        bad = await shown_certificate("127.0.0.1", port)
    now = datetime.now(UTC)
    assert good.ends_at is not None
    assert 0 * DAY < good.ends_at - now <= DAY
    assert bad.ends_at is not None
    assert bad.ends_at < now - DAY
    assert good.tls.startswith("TLSv1")


async def test_tls_a_postgresql_without_it_says_so(parts: Urls) -> None:
    port = urlsplit(parts.database_url).port or 0
    assert (await shown_certificate("127.0.0.1", port, postgresql=True)).ends_at is None


async def test_tls_a_server_that_is_not_there_is_an_error() -> None:
    async with serving(ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)) as port:
        pass
    with pytest.raises(OSError, match=r"."):
        await shown_certificate("127.0.0.1", port)


async def test_tls_the_check_reads_brokers_registry_gateway_and_targets(tmp_path: Path) -> None:
    targets = tmp_path / "targets.yaml"
    async with serving(ended(tmp_path)) as port:
        options = {"base_url": f"https://127.0.0.1:{port}", "acct_id": "a", "user": "u", "app_id": "i",
                   "app_secret": "ERP_APP_SECRET", "org": "100", "stock": "CK001"}  # fmt: skip
        erp = {"adapter": "kingdee", "events": ["PartsRequested"], "options": options}
        targets.write_text(json.dumps({"targets": {"erp": erp}}))
        settings = Settings.model_validate(
            {
                "kafka_bootstrap": f"127.0.0.1:{port}",
                "kafka_security_protocol": "SSL",
                "schema_registry_url": f"https://127.0.0.1:{port}/apis",
                "url": "http://gateway.example:8080",
                "targets_file": str(targets),
            }
        )
        examined = Examined(
            settings=settings, pool=None, contract=load_contract(), now=datetime.now(UTC), environment={}
        )
        found = CHECK.judge(await CHECK.read(examined))
    by_who = {one.says.partition(": ")[0]: one.verdict for one in found}
    assert by_who == {
        f"broker 127.0.0.1:{port}": "wrong",
        "registry": "wrong",
        "target erp (base_url)": "wrong",
        "gateway": "note",
        "files of workers": "unseen",
    }


async def test_tls_a_certificate_that_is_refused_is_said_by_the_setting_of_its_authorities(tmp_path: Path) -> None:
    async with serving(PrivateAuthority(folder=tmp_path).server()) as port:
        url = f"https://127.0.0.1:{port}"
        settings = Settings.model_validate({"schema_registry_url": url, "url": url})
        examined = Examined(
            settings=settings, pool=None, contract=load_contract(), now=datetime.now(UTC), environment={}
        )
        found = {one.part: one.why for one in await reach.CHECK.read(examined)}
    assert "see SCHEMA_REGISTRY_CA_FILE" in found["registry"]
    assert "see TICKETBUS_CA_FILE" in found["gateway"]
    assert found["Kafka"] == "KAFKA_BOOTSTRAP is not set"
