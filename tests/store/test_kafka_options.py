"""How a client connects is said by the settings: user, password by variable or file, authority."""

import ssl
import subprocess
from pathlib import Path

import pytest

from bus.kafka.clients import kafka_options
from bus.settings import Settings, SettingsInvalid
from tests.compose.compose_file import ROOT

SECURED = {
    "kafka_bootstrap": "kafka-1:9092",
    "kafka_security_protocol": "SASL_SSL",
    "kafka_sasl_mechanism": "SCRAM-SHA-256",
    "kafka_username": "ticketbus.worker",
}


def test_kafka_options_the_password_is_read_from_its_file_each_time_unless_the_variable_is_set(tmp_path: Path) -> None:
    path = tmp_path / "password"
    settings = Settings.model_validate({**SECURED, "kafka_password_file": path})
    for password in ("first", "second"):
        path.write_text(f"{password}\n")
        assert kafka_options(settings)["sasl_plain_password"] == password
    both = Settings.model_validate({**SECURED, "kafka_password_file": path, "kafka_password": "by variable"})
    assert kafka_options(both)["sasl_plain_password"] == "by variable"


def test_kafka_options_a_password_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    settings = Settings.model_validate({**SECURED, "kafka_password_file": tmp_path / "none"})
    with pytest.raises(SettingsInvalid, match=r"TICKETBUS_KAFKA_PASSWORD_FILE: cannot read .*/none"):
        kafka_options(settings)


def test_kafka_options_only_the_authority_named_is_believed(tmp_path: Path) -> None:
    subprocess.run([ROOT / "ops" / "kafka-secrets.sh", tmp_path], check=True, capture_output=True, timeout=60)
    settings = Settings.model_validate({**SECURED, "kafka_password": "x", "kafka_ca_file": tmp_path / "ca.pem"})
    context = kafka_options(settings)["ssl_context"]
    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)
    assert [dict(one[0] for one in each["subject"])["commonName"] for each in context.get_ca_certs()] == [
        "Kafka of ticketbus"
    ]
