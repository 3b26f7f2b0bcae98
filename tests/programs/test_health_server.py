"""A worker's port for health and metrics by TLS: its certificate is renewed, and a silent client holds up nobody."""

import asyncio
import ssl
from pathlib import Path

import httpx2
import pytest

from bus.doctor.tls import shown_certificate
from bus.programs.health_server import ProgramHealth, serve_health
from bus.tls import ServerCertificate
from tests.adapters.certificates import PrivateAuthority
from tests.e2e.test_worker_health import free_port


async def test_health_server_speaks_tls_alone_where_it_has_a_certificate(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    authority, port = PrivateAuthority(folder=tmp_path), free_port()
    certificate = ServerCertificate(*authority.issue("worker", days=(-1, 1)))
    serve_health(ProgramHealth(), "127.0.0.1", port, certificate)
    _, silent = await asyncio.open_connection("127.0.0.1", port)
    trust = ssl.create_default_context(cafile=str(authority.ca))
    async with httpx2.AsyncClient(base_url=f"https://127.0.0.1:{port}", verify=trust, trust_env=False) as http:
        assert (await http.get("/livez")).json() == {"live": True}
        assert "python_info" in (await http.get("/metrics")).text
    async with httpx2.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False) as plain:
        with pytest.raises(httpx2.TransportError):
            await plain.get("/livez")
    before = (await shown_certificate("127.0.0.1", port)).ends_at
    authority.issue("worker", days=(-1, 9))
    assert certificate.renew()
    after = (await shown_certificate("127.0.0.1", port)).ends_at
    assert before is not None
    assert after is not None
    assert (after - before).days == 8
    silent.close()
    assert "Traceback" not in capfd.readouterr().err, "what a client does is no fault of ours"
