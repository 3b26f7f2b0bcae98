"""A Grafana dashboard of the bus's metrics, drawn by Grafana's own builders, which come with the tests' tools."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from grafana_foundation_sdk.builders.common import VizLegendOptions, VizTooltipOptions
from grafana_foundation_sdk.builders.dashboard import Dashboard, DatasourceVariable
from grafana_foundation_sdk.builders.prometheus import Dataquery
from grafana_foundation_sdk.builders.timeseries import Panel
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.common import TooltipDisplayMode
from grafana_foundation_sdk.models.dashboard import DataSourceRef

from bus.domain.text import Text

FILE: Final = "ops/grafana/ticketbus.json"
_WIDTH, _HEIGHT = 12, 8
_RATE, _SECONDS = "$__rate_interval", "ticketbus_http_request_seconds_bucket"
_CALLS: Final = "ticketbus_delivery_call_seconds_bucket"


@dataclass(frozen=True, slots=True, kw_only=True)
class Graph:
    """A panel: its expressions by legend, and Grafana's name of their unit."""

    title: Text
    unit: str
    expressions: dict[str, str]


GRAPHS: Final = (
    Graph(
        title=Text("未恢复的告警", "Open alerts"),
        unit="short",
        expressions={"{{severity}} {{rule}}": "max by (severity, rule) (ticketbus_alerts_open) > 0"},
    ),
    Graph(
        title=Text("告警消息", "Messages of alerts"),
        unit="short",
        expressions={
            "{{channel}} {{outcome}}": "sum by (channel, outcome) (increase(ticketbus_alert_messages_total[5m]))"
        },
    ),
    Graph(
        title=Text("HTTP 应答", "HTTP answers"),
        unit="reqps",
        expressions={
            "{{method}} {{status}}": "sum by (method, status) (rate(ticketbus_http_requests_total[$__rate_interval]))"
        },
    ),
    Graph(
        title=Text("应答时间 p50 / p99", "Time to an answer, p50 and p99"),
        unit="s",
        expressions={
            "p50": f"histogram_quantile(0.5, sum by (le) (rate({_SECONDS}[{_RATE}])))",
            "p99": f"histogram_quantile(0.99, sum by (le) (rate({_SECONDS}[{_RATE}])))",
        },
    ),
    Graph(
        title=Text("命令", "Commands by answer"),
        unit="ops",
        expressions={"{{answer}}": "sum by (answer) (rate(ticketbus_commands_total[$__rate_interval]))"},
    ),
    Graph(
        title=Text("暂存与拒收", "Spooled and turned away"),
        unit="short",
        expressions={
            "spooled {{source}}": "sum by (source) (increase(ticketbus_intake_spooled_total[5m]))",
            "turned away {{source}}": "sum by (source) (increase(ticketbus_intake_turned_away_total[5m]))",
        },
    ),
    Graph(
        title=Text("阶段积压", "Lag of stages"),
        unit="short",
        expressions={"{{handler}}": "sum by (handler) (ticketbus_stage_lag)"},
    ),
    Graph(
        title=Text("发布到 Kafka", "Published to Kafka"),
        unit="ops",
        expressions={
            "published": "sum(rate(ticketbus_relay_published_total[$__rate_interval]))",
            "shards that stand still": "max(ticketbus_relay_shards_stopped)",
        },
    ),
    Graph(
        title=Text("待投递", "Deliveries that wait"),
        unit="short",
        expressions={
            "{{target}}": "max by (target) (ticketbus_delivery_waiting)",
            "{{target}}: held up by letters": "max by (target) (ticketbus_delivery_letters)",
        },
    ),
    Graph(
        title=Text("最久的待投递", "Oldest delivery"),
        unit="s",
        expressions={"{{target}}": "max by (target) (ticketbus_delivery_oldest_seconds)"},
    ),
    Graph(
        title=Text("投递结果", "Calls to targets"),
        unit="ops",
        expressions={
            "{{target}} {{outcome}}": f"sum by (target, outcome) (rate(ticketbus_delivery_calls_total[{_RATE}]))",
            "{{target}} breaker open": "max by (target) (ticketbus_delivery_breaker_open)",
        },
    ),
    Graph(
        title=Text("订阅", "Stream subscribers"),
        unit="short",
        expressions={
            "subscribers": "sum(ticketbus_stream_subscribers)",
            "cut": "sum(increase(ticketbus_stream_cut_total[5m]))",
            "unknown topic": "sum(increase(ticketbus_stream_unknown_topic_total[5m]))",
        },
    ),
    Graph(
        title=Text("目标应答时间 p95", "Time of calls to targets, p95"),
        unit="s",
        expressions={"{{target}}": f"histogram_quantile(0.95, sum by (target, le) (rate({_CALLS}[{_RATE}])))"},
    ),
    Graph(
        title=Text("消费者判定", "Consumers by verdict"),
        unit="short",
        expressions={"{{verdict}}": "max by (verdict) (ticketbus_consumers)"},
    ),
    Graph(
        title=Text("最久未读", "Oldest unread record"),
        unit="s",
        expressions={"{{consumer}} {{topic}}": "max by (consumer, topic) (ticketbus_consumer_oldest_seconds)"},
    ),
    Graph(
        title=Text("停住与补读", "What stands still, and what the log lacked"),
        unit="short",
        expressions={
            "stopped {{handler}}": "sum by (handler) (ticketbus_stage_stopped)",
            "read from PostgreSQL {{handler}}": "sum by (handler) (increase(ticketbus_stage_healed_total[5m]))",
            "passed over": "sum(increase(ticketbus_log_passed_over_total[5m]))",
        },
    ),
    Graph(
        title=Text("死信与被拒", "Dead letters, and input not kept"),
        unit="short",
        expressions={
            "{{target}} {{reason}}": "sum by (target, reason) (increase(ticketbus_delivery_parked_total[5m]))",
            "refused, not kept": "sum(increase(ticketbus_refused_not_kept_total[5m]))",
        },
    ),
    Graph(
        title=Text("设备消息", "Messages of devices"),
        unit="ops",
        expressions={
            "{{source}} {{outcome}}": f"sum by (source, outcome) (rate(ticketbus_mqtt_messages_total[{_RATE}]))"
        },
    ),
    Graph(
        title=Text("文件", "Files"),
        unit="short",
        expressions={
            "taken {{type}}": "sum by (type) (increase(ticketbus_files_taken_total[5m]))",
            "refused {{code}}": "sum by (code) (increase(ticketbus_files_refused_total[5m]))",
            "deleted": "sum(increase(ticketbus_files_deleted_total[5m]))",
        },
    ),
    Graph(
        title=Text("纷享销客剩余调用", "Calls left of 纷享销客"),
        unit="short",
        expressions={
            "{{app}} today": "min by (app) (ticketbus_fxiaoke_calls_left_today)",
            "{{app}} {{interface}} now": "min by (app, interface) (ticketbus_fxiaoke_calls_left)",
        },
    ),
)


def dashboard() -> str:
    """Draw the dashboard as JSON."""
    drawn = (
        Dashboard("工单事件总线 / ticketbus")
        .uid("ticketbus")
        .tags(["ticketbus"])
        .refresh("30s")
        .time("now-6h", "now")
        .with_variable(DatasourceVariable("source").label("Prometheus").type("prometheus"))
    )
    for panel in _panels():
        drawn = drawn.with_panel(panel)
    return JSONEncoder(sort_keys=True, indent=2, ensure_ascii=False).encode(drawn.build()) + "\n"


def _panels() -> Iterator[Panel]:
    source = DataSourceRef(type_val="prometheus", uid="${source}")
    for graph in GRAPHS:
        panel = Panel().title(str(graph.title)).unit(graph.unit).datasource(source).span(_WIDTH).height(_HEIGHT).min(0)
        panel = panel.tooltip(VizTooltipOptions().mode(TooltipDisplayMode.MULTI)).legend(VizLegendOptions())
        for ref, (legend, expression) in zip("ABC", graph.expressions.items(), strict=False):
            query = Dataquery().expr(expression).legend_format(legend).ref_id(ref).datasource(source)
            query = query.exemplar("_bucket" in expression)  # a point leads to the trace of what was slow
            panel = panel.with_target(query)
        yield panel
