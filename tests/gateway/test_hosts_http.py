"""A host's readings over HTTP, taken under its client's name."""

import pytest

from tests.gateway.conftest import Gateway

PATH = {"path": "/data", "disk_total_bytes": 1000, "disk_free_bytes": 300.5, "inodes_total": 9, "inodes_free": 4}


async def test_hosts_http_readings_are_taken_under_the_clients_name_and_the_gateways_time(gateway: Gateway) -> None:
    body = {"role": "consumer", "memory_free_bytes": 5, "paths": [PATH, {**PATH, "path": "/var", "read_only": True}]}
    answer = await gateway.post("/v1/hosts/readings", body, role="host")
    assert (answer.status_code, answer.json()) == (200, {"host": "a-host", "paths": 2})
    assert [(one.host, one.path, one.role, one.read_only) for one in gateway.readings] == [
        ("a-host", "/data", "consumer", False),
        ("a-host", "/var", "consumer", True),
    ]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "paths"),
        ({"paths": []}, "paths"),
        ({"paths": [{**PATH, "disk_free_bytes": -1}]}, "paths.0.disk_free_bytes"),
        ({"paths": [{**PATH, "disk_total_bytes": "much"}]}, "paths.0.disk_total_bytes"),
        ({"host": "kafka-1", "paths": [PATH]}, "host"),
    ],
)
async def test_hosts_http_a_refusal_names_its_field(gateway: Gateway, body: object, field: str) -> None:
    answer = await gateway.post("/v1/hosts/readings", body, role="host")
    assert (answer.status_code, answer.json()["field"]) == (422, field), answer.text
    assert (await gateway.post("/v1/hosts/readings", {"paths": [PATH]}, role="sre")).status_code == 403
    assert gateway.readings == []
