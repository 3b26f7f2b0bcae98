"""`python -m bench.load_model`: how many tickets a day machines take, where each part ends, disk and money.

Reckoned from bench/costs.json, which the suite `growth` measures; nothing is run. Pure but for its files.
"""

import argparse
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

import yaml
from pydantic import BaseModel, ConfigDict, Field
from rich.console import Console
from rich.table import Table

COSTS: Final = Path(__file__).with_name("costs.json")
PRICES: Final = Path(__file__).with_name("prices.yaml")
PARTITIONS: Final = 6  # schemas/topics.yaml: so many workers may share a stage, and no more
BROKERS: Final = 3
GIB: Final = 2**30
HOUR_S: Final = 3600
DAYS: Final = 365


@dataclass(frozen=True, slots=True, kw_only=True)
class Costs:
    """What one command costs: CPU in µs of each part (its event published, folded and delivered once), and bytes.

    `measured_on` says where and when. `generator_us` is what the load itself took, which no customer's machine pays.
    """

    measured_on: str
    gateway_us: float
    worker_us: float
    postgres_us: float
    kafka_us: float
    generator_us: float
    wal_bytes: float
    postgres_bytes: float
    kafka_bytes: float


class Workload(BaseModel):
    """What a day brings. The defaults are the incident log's: 70,556 changes of 12,398 tickets, and the share of the
    busiest hour in the median of its thirty busiest days.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    commands_a_ticket: float = Field(5.69, gt=0)
    busiest_hour: float = Field(0.13, gt=0, le=1)
    used_at_most: float = Field(0.7, gt=0, le=1)  # of a core, of a disk: what queues behind more grows without end


class Prices(BaseModel):
    """What machines and disks cost a month, in the currency of whoever writes the file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    currency: str
    machine_a_month: dict[int, float]  # by cores
    disk_gib_a_month: float
    wal_mb_per_s: float = Field(gt=0)  # what the disk of PostgreSQL writes in order


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """So many machines with so many cores each; of one all share, of several PostgreSQL has one for itself."""

    machines: int
    cores: int

    @property
    def name(self) -> str:
        """Say it in short."""
        return f"{self.machines} × {self.cores} cores"


SITES: Final = (
    *(Site(machines=1, cores=cores) for cores in (2, 8, 32)),
    *(Site(machines=10, cores=c) for c in (8, 32)),
)


def limits(site: Site, costs: Costs, work: Workload, prices: Prices) -> dict[str, float]:
    """Give the commands a second at which each part ends; the least is the site's."""
    free = work.used_at_most * 1e6  # µs of a core in a second
    found = {
        "workers (a stage has six at most)": free * PARTITIONS / costs.worker_us,
        "PostgreSQL's write-ahead log": work.used_at_most * prices.wal_mb_per_s * 1e6 / costs.wal_bytes,
    }
    if site.machines == 1:
        whole = costs.gateway_us + costs.worker_us + costs.postgres_us + costs.kafka_us
        return found | {"cores": free * site.cores / whole}
    programs = site.machines - 1 - BROKERS
    return found | {
        "cores of PostgreSQL": free * site.cores / costs.postgres_us,
        "cores of Kafka": free * site.cores / costs.kafka_us,  # each record is written by all three brokers
        "cores of gateways and workers": free * site.cores * programs / (costs.gateway_us + costs.worker_us),
    }


def saturated(costs: Costs, *, cores: int, gateways: int, workers: int) -> float:
    """Reckon the commands a second of one machine that is wholly used, its load generator on the same cores.

    A gateway and a worker are each one thread.
    """
    whole = costs.gateway_us + costs.worker_us + costs.postgres_us + costs.kafka_us + costs.generator_us
    return 1e6 * min(cores / whole, gateways / costs.gateway_us, workers / costs.worker_us)


def tickets_a_day(commands_per_s: float, work: Workload) -> float:
    """Turn what the busiest hour may bring into a day's tickets."""
    return commands_per_s * HOUR_S / (work.commands_a_ticket * work.busiest_hour)


def disk_gib_a_year(tickets: float, costs: Costs, work: Workload, machines: int) -> tuple[float, float]:
    """Give what a year of such days adds: PostgreSQL's, and Kafka's with its copies."""
    commands = tickets * DAYS * work.commands_a_ticket
    copies = BROKERS if machines > 1 else 1
    return commands * costs.postgres_bytes / GIB, commands * costs.kafka_bytes * copies / GIB


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteCapacity:
    """What a site takes, the part that ends first and those behind it, and what a month of the first year costs."""

    site: str
    commands_per_s: int
    tickets_a_day: int
    ends_first: str
    limits: Mapping[str, int]
    postgres_gib_a_year: int
    kafka_gib_a_year: int
    money_a_month: int


def table(costs: Costs, work: Workload, prices: Prices, sites: Sequence[Site] = SITES) -> list[SiteCapacity]:
    """Reckon each site; its money is a month's machines and the disk that the first year has filled."""
    rows = []
    for site in sites:
        ends = sorted(limits(site, costs, work, prices).items(), key=lambda one: one[1])
        part, per_s = ends[0]
        tickets = tickets_a_day(per_s, work)
        ours, kafka = disk_gib_a_year(tickets, costs, work, site.machines)
        machines = prices.machine_a_month[site.cores] * site.machines
        rows.append(
            SiteCapacity(
                site=site.name,
                commands_per_s=round(per_s),
                tickets_a_day=int(round(tickets, -2)),
                ends_first=part,
                limits={name: round(value) for name, value in ends},
                postgres_gib_a_year=round(ours),
                kafka_gib_a_year=round(kafka),
                money_a_month=round(machines + (ours + kafka) * prices.disk_gib_a_month),
            )
        )
    return rows


def read_costs(file: Path = COSTS) -> Costs:
    """Read what was measured."""
    return Costs(**json.loads(file.read_text(encoding="utf-8")))


def write_costs(costs: Costs, file: Path = COSTS) -> None:
    """Keep what was measured."""
    file.write_text(json.dumps(asdict(costs), indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def read_prices(file: Path = PRICES) -> Prices:
    """Read the price table. Raises ValidationError with the field."""
    return Prices.model_validate(yaml.safe_load(file.read_text(encoding="utf-8")))


def main() -> None:
    """Print the table, or each row as a line of JSON."""
    parser = argparse.ArgumentParser(prog="python -m bench.load_model", description=__doc__)
    parser.add_argument("--costs", type=Path, default=COSTS, metavar="FILE", help="what the suite growth has measured")
    parser.add_argument("--prices", type=Path, default=PRICES, metavar="FILE", help="your own price table")
    parser.add_argument("--commands-a-ticket", type=float, default=Workload().commands_a_ticket)
    parser.add_argument("--busiest-hour", type=float, default=Workload().busiest_hour, help="its share of a day")
    parser.add_argument("--json", action="store_true")
    chosen = parser.parse_args()
    costs = read_costs(chosen.costs)
    work = Workload(commands_a_ticket=chosen.commands_a_ticket, busiest_hour=chosen.busiest_hour)
    rows = table(costs, work, read_prices(chosen.prices))
    if chosen.json:
        print("\n".join(json.dumps(asdict(row), ensure_ascii=False) for row in rows))
        return
    _show([asdict(row) for row in rows], costs)


def _show(rows: Sequence[Mapping[str, object]], costs: Costs) -> None:
    shown = [name for name in rows[0] if name != "limits"]
    title, heads = f"measured: {costs.measured_on}", [name.replace("_", " ") for name in shown]
    drawn = Table(*heads, title=title, title_justify="left", show_lines=True)
    for row in rows:
        drawn.add_row(*(f"{row[name]:,}" if isinstance(row[name], int | float) else str(row[name]) for name in shown))
    Console().print(drawn)


if __name__ == "__main__":
    main()
