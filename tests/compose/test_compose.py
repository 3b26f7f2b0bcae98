"""The compose file is well formed, and says to our programs what they ask and nothing that they do not know."""

import importlib.metadata
import json
import os
import re
import subprocess
import tomllib
from pathlib import Path

import jsonschema
import pytest
from typer.testing import CliRunner

from adapters.crm.adapter import CrmAdapter
from bus.app import personal_keys
from bus.cli import app
from bus.settings import Settings, load, secret_files, variables
from tests.compose.compose_file import BROKERS, COMPOSE, FILE, OURS, ROOT, SERVICES, VARIABLE, environment, properties

SECRET_FILES = set(secret_files().values())
SCHEMA = Path(__file__).with_name("compose-spec.json")


def test_compose_the_file_keeps_to_the_compose_specification() -> None:
    schema = json.loads(SCHEMA.read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    errors = jsonschema.Draft202012Validator(schema).iter_errors(COMPOSE)
    assert [f"{error.json_path}: {error.message}" for error in errors] == []


def test_compose_the_schema_does_refuse_a_wrong_file() -> None:
    schema = json.loads(SCHEMA.read_text(encoding="utf-8"))
    wrong = {"services": {"gateway": {"image": "x", "helthcheck": {}}}}
    assert list(jsonschema.Draft202012Validator(schema).iter_errors(wrong)) != []


@pytest.mark.parametrize("service", OURS)
def test_compose_every_variable_given_to_a_program_is_a_setting(service: str) -> None:
    assert set(environment(service)) - set(variables().values()) - SECRET_FILES == set()


@pytest.mark.parametrize("service", OURS)
def test_compose_every_program_gets_the_addresses_that_it_cannot_do_without(
    service: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = _settings_of(service, monkeypatch)
    assert settings.database_url == "postgresql://ticketbus:letters0and0digits@postgres:5432/ticketbus?sslmode=disable"
    assert settings.kafka_bootstrap == "kafka-1:9092,kafka-2:9092,kafka-3:9092"
    assert settings.schema_registry_url == "http://registry:8080/apis/ccompat/v7"
    assert personal_keys(settings).lookup("13800000000")


@pytest.mark.parametrize("service", ["gateway", "worker"])
def test_compose_who_reads_deliveries_knows_the_crm(service: str, monkeypatch: pytest.MonkeyPatch) -> None:
    secrets = _settings_of(service, monkeypatch).webhook_secrets
    assert [CrmAdapter(one.get_secret_value() for one in secrets["crm"]).name] == ["crm"]


def test_compose_the_gateway_listens_where_its_port_is_published(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = _settings_of("gateway", monkeypatch)
    assert (settings.http_host, settings.http_port) == ("0.0.0.0", 8080)  # noqa: S104 - inside its own container
    assert SERVICES["gateway"]["ports"] == [f"127.0.0.1:{settings.http_port}:{settings.http_port}"]


@pytest.mark.parametrize("service", OURS)
def test_compose_every_program_is_a_command_of_ours_in_the_image_of_this_version(service: str) -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    assert SERVICES[service]["image"] == f"ticketbus:{version}"
    assert CliRunner().invoke(app, [*SERVICES[service]["command"], "--help"]).exit_code == 0


def test_compose_every_service_has_a_limit_with_room_above_what_it_was_measured_to_hold() -> None:
    page = (ROOT / "docs" / "operating.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `([\w-]+)`[^|]*\| (\d+) MiB \| ([\d.]+) ([MG])iB, ([\d.]+) CPU \|", page, re.MULTILINE)
    assert {name for name, *_ in rows} == {"kafka-1", "postgres", "registry", "gateway", "worker", "watch"}
    for name, measured, size, unit, cpus in rows:
        limits = SERVICES[name]["deploy"]["resources"]["limits"]
        assert limits == {"cpus": cpus, "memory": f"{size}{unit.lower()}"}
        assert float(size) * (1024 if unit == "G" else 1) >= 2 * int(measured)
    without = {name for name, one in SERVICES.items() if "limits" not in one.get("deploy", {}).get("resources", {})}
    assert without == set()


def test_compose_a_heap_fits_into_its_limit_with_as_much_beside_it() -> None:
    for service, variable in (("kafka-1", "KAFKA_HEAP_OPTS"), ("registry", "JAVA_TOOL_OPTIONS")):
        [heap] = re.findall(r"-Xmx(\d+)m", environment(service)[variable])
        memory = SERVICES[service]["deploy"]["resources"]["limits"]["memory"]
        assert 2 * int(heap) <= int(memory[:-1]) * {"g": 1024, "m": 1}[memory[-1]]


def test_compose_no_secret_has_a_default() -> None:
    found = {m["name"]: m["rule"] for m in VARIABLE.finditer(FILE.read_text(encoding="utf-8"))}
    secrets = {name: rule for name, rule in found.items() if re.search("PASSWORD|SECRET|KEY", name)}
    assert set(secrets) == {"POSTGRES_PASSWORD", "TICKETBUS_WEBHOOK_SECRET_CRM", "TICKETBUS_MASTER_KEY"}
    assert [name for name, rule in secrets.items() if not rule.startswith(":?")] == []


def test_compose_every_published_port_is_published_on_loopback_once() -> None:
    ports = [port for service in SERVICES.values() for port in service.get("ports", [])]
    assert [port for port in ports if not port.startswith("127.0.0.1:")] == []
    assert len(set(ports)) == len(ports)


def test_compose_whatever_stays_is_restarted_and_whatever_has_a_port_has_a_health_check() -> None:
    once = {"prepare", "registry-database", "kafka-users"}
    assert {name for name, one in SERVICES.items() if one["restart"] == "on-failure"} == once
    assert {name for name, one in SERVICES.items() if one["restart"] == "unless-stopped"} == set(SERVICES) - once
    assert [name for name, one in SERVICES.items() if one.get("ports") and not one.get("healthcheck")] == []


def test_compose_programs_start_after_the_preparation_and_that_after_every_part_is_healthy() -> None:
    assert {name: SERVICES[name]["depends_on"] for name in OURS[1:]} == {
        name: {"prepare": {"condition": "service_completed_successfully"}} for name in OURS[1:]
    }
    healthy = {"condition": "service_healthy"}
    assert SERVICES["prepare"]["depends_on"] == {
        **dict.fromkeys(("postgres", "registry", *BROKERS), healthy),
        "kafka-users": {"condition": "service_completed_successfully"},
    }


@pytest.mark.parametrize("service", SERVICES)
def test_compose_no_service_has_a_right_of_roots(service: str) -> None:
    assert SERVICES[service]["cap_drop"] == ["ALL"]
    assert SERVICES[service]["security_opt"] == ["no-new-privileges:true"]
    assert "privileged" not in SERVICES[service]
    user = SERVICES[service].get("user")
    ours = service in OURS  # their Dockerfile says so, and the registry's image is said to
    assert user in ({"appuser", "postgres"} if not ours and service != "registry" else {None})


def test_compose_kafka_has_no_listener_without_tls_and_no_client_without_rights() -> None:
    protocols = dict(
        one.split(":") for one in environment("kafka-1")["KAFKA_LISTENER_SECURITY_PROTOCOL_MAP"].split(",")
    )
    assert protocols == {"CONTROLLER": "SSL", "BROKERS": "SSL", "INSIDE": "SASL_SSL", "HOST": "SASL_SSL"}
    for broker in BROKERS:
        given = properties(broker)
        assert {one.partition(":")[0] for one in given["listeners"].split(",")} == set(protocols)
        for listener in ("controller", "brokers"):
            assert given[f"listener.name.{listener}.ssl.client.auth"] == "required"
        assert given["authorizer.class.name"].endswith(".StandardAuthorizer")
        assert "allow.everyone.if.no.acl.found" not in given
        assert set(given["super.users"].split(";")) == {f"User:CN={one}" for one in BROKERS} | {"User:admin"}


def test_compose_every_program_has_a_user_of_its_own_and_only_the_preparation_is_a_super_user(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    users = {}
    for service in OURS:
        settings = _settings_of(service, monkeypatch)
        users[service] = settings.kafka_username
        assert (settings.kafka_security_protocol, settings.kafka_sasl_mechanism) == ("SASL_SSL", "SCRAM-SHA-256")
        mounted = {f"/run/secrets/{one}" for one in SERVICES[service]["secrets"]}
        password = environment(service)["TICKETBUS_KAFKA_PASSWORD_FILE"]
        assert {str(settings.kafka_ca_file), password} == mounted
        assert password == f"/run/secrets/{settings.kafka_username}.password"
    assert users == {
        "prepare": "admin", "gateway": "ticketbus.gateway", "worker": "ticketbus.worker", "watch": "ticketbus.watch",
    }  # fmt: skip


def test_compose_the_secrets_are_those_that_the_script_makes(tmp_path: Path) -> None:
    made = tmp_path / "kafka-secrets"
    environment = {**os.environ, "MODE": "644"}
    command = [ROOT / "ops" / "secure.sh", made]
    subprocess.run(command, env=environment, check=True, capture_output=True, timeout=60)
    wanted = {Path(one["file"]).name for one in COMPOSE["secrets"].values()}
    assert wanted - {one.name for one in made.iterdir()} == set()
    assert {(made / one).stat().st_mode & 0o777 for one in wanted} == {0o644}
    closed = {one.name for one in made.iterdir() if one.stat().st_mode & 0o777 == 0o600}
    assert {"ca.key", "database_url", "master_key", "registry.env", "token", "webhook_secrets"} <= closed
    assert made.stat().st_mode & 0o777 == 0o700
    assert (made / "ca.key").stat().st_mode & 0o777 == 0o600
    users = {one.removesuffix(".password") for one in COMPOSE["secrets"] if one.endswith(".password")}
    listed = {one for one in SERVICES["kafka-users"]["secrets"] if isinstance(one, str) and one.endswith(".password")}
    assert listed == {f"{one}.password" for one in users}


def test_compose_the_image_is_built_from_the_lock_and_does_not_run_as_root() -> None:
    lines = (ROOT / "Dockerfile").read_text(encoding="utf-8").splitlines()
    installs = [line for line in lines if "pip install" in line and "--no-index" not in line]
    assert [line for line in installs if "--require-hashes" not in line] == []
    wanted = {
        re.split(r"[^\w-]", one)[0]
        for one in importlib.metadata.requires("hatchling") or []
        if "python_version" not in one
    }
    [taken] = [re.findall(r"[\w-]+", line.partition("^(")[2].partition(")")[0]) for line in lines if "awk" in line]
    assert set(taken) == {"hatchling", *wanted}
    users = [line.split()[1] for line in lines if line.startswith("USER ")]
    assert users == ["ticketbus"]
    assert 'ENTRYPOINT ["ticketbus"]' in lines


def test_compose_the_builder_gets_every_package_of_the_wheel() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    packages = project["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
    given = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    assert sorted(set(packages) - given) == []


def _settings_of(service: str, monkeypatch: pytest.MonkeyPatch) -> Settings:
    for name in variables().values():
        monkeypatch.delenv(name, raising=False)
    for name, value in environment(service).items():
        if name not in SECRET_FILES:  # they are there within a container alone
            monkeypatch.setenv(name, value)
    return load()
