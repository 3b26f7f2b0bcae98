"""How a client connects is said by the settings: user, password, authority."""

import ssl
import subprocess
from pathlib import Path

import pytest

from bus.kafka.clients import kafka_options
from bus.settings import Settings
from bus.tls import CertificateUnusable
from tests.compose.compose_file import ROOT

SECURED = {
    "kafka_bootstrap": "kafka-1:9092",
    "kafka_security_protocol": "SASL_SSL",
    "kafka_sasl_mechanism": "SCRAM-SHA-256",
    "kafka_username": "ticketbus.worker",
}


@pytest.mark.parametrize(("content", "why"), [(None, "cannot use .*/ca.pem .No such file"), ("x", "cannot use")])
def test_kafka_options_an_authority_that_cannot_be_used_is_named(tmp_path: Path, content: str | None, why: str) -> None:
    if content:
        (tmp_path / "ca.pem").write_text(content)
    settings = Settings.model_validate({**SECURED, "kafka_password": "x", "kafka_ca_file": tmp_path / "ca.pem"})
    with pytest.raises(CertificateUnusable, match=f"TICKETBUS_KAFKA_CA_FILE: {why}"):
        kafka_options(settings)


def test_kafka_options_only_the_authority_named_is_believed(tmp_path: Path) -> None:
    subprocess.run([ROOT / "ops" / "secure.sh", tmp_path], check=True, capture_output=True, timeout=60)
    settings = Settings.model_validate({**SECURED, "kafka_password": "x", "kafka_ca_file": tmp_path / "ca.pem"})
    context = kafka_options(settings)["ssl_context"]
    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)
    assert [dict(one[0] for one in each["subject"])["commonName"] for each in context.get_ca_certs()] == ["ticketbus"]
