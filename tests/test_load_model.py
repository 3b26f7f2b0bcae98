"""The load model: which part ends first, and what that comes to in tickets, disk and money."""

from dataclasses import replace

import pytest

from bench.load_model import (
    GIB,
    Costs,
    Prices,
    Site,
    Workload,
    disk_gib_a_year,
    limits,
    read_costs,
    read_prices,
    saturated,
    table,
    tickets_a_day,
)

COSTS = Costs(
    measured_on="a test", gateway_us=500, worker_us=1_500, postgres_us=800, kafka_us=200, generator_us=300,
    wal_bytes=10_000, postgres_bytes=5_000, kafka_bytes=2_000,
)  # fmt: skip
WORK = Workload(commands_a_ticket=5, busiest_hour=0.1, used_at_most=0.5)
PRICES = Prices(currency="CNY", machine_a_month={8: 800, 32: 3_200}, disk_gib_a_month=1, wal_mb_per_s=100)


def first(site: Site, costs: Costs = COSTS) -> tuple[str, int]:
    """Give what ends first, and at how many commands a second."""
    name, per_s = min(limits(site, costs, WORK, PRICES).items(), key=lambda one: one[1])
    return name, round(per_s)


def test_load_model_names_the_part_that_ends_first() -> None:
    assert first(Site(machines=1, cores=2)) == ("cores", 333)
    assert first(Site(machines=1, cores=32)) == ("workers (a stage has six at most)", 2_000)
    log = replace(COSTS, wal_bytes=100_000)
    assert first(Site(machines=10, cores=32), log) == ("PostgreSQL's write-ahead log", 500)
    database = replace(COSTS, postgres_us=20_000)
    assert first(Site(machines=10, cores=8), database) == ("cores of PostgreSQL", 200)


def test_load_model_reckons_tickets_disk_and_money() -> None:
    assert tickets_a_day(100, WORK) == pytest.approx(100 * 3600 / 0.1 / 5)
    ours, kafka = disk_gib_a_year(1_000, COSTS, WORK, machines=10)
    assert ours == pytest.approx(1_000 * 365 * 5 * 5_000 / GIB)
    assert kafka == pytest.approx(1_000 * 365 * 5 * 2_000 * 3 / GIB), "three copies"
    [row] = table(COSTS, WORK, PRICES, [Site(machines=1, cores=8)])
    assert row.ends_first == "cores"
    assert row.money_a_month == pytest.approx(800 + row.postgres_gib_a_year + row.kafka_gib_a_year, abs=1)


def test_load_model_of_a_machine_wholly_used_ends_at_its_cores_or_at_one_thread() -> None:
    assert saturated(COSTS, cores=2, gateways=1, workers=1) == pytest.approx(2e6 / 3_300)
    assert saturated(COSTS, cores=16, gateways=1, workers=1) == pytest.approx(1e6 / 1_500)
    assert saturated(COSTS, cores=16, gateways=1, workers=6) == pytest.approx(1e6 / 500)


def test_load_model_reads_what_was_measured_and_the_example_of_prices() -> None:
    rows = table(read_costs(), Workload(), read_prices())
    per_day = [row.tickets_a_day for row in rows]
    assert per_day[:3] == sorted(per_day[:3]), "a larger machine takes no less"
    assert all(one > 10_000 for one in per_day)
