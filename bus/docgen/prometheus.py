"""Prometheus rules for the same alerts, and promtool's tests of each, drawn from the catalogue of alert rules.

A rule of the catalogue fires here by the gauge that every program keeps of what is open; what the engine cannot say of
itself, and answers of 5xx, fire by metrics of their own.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import yaml

from bus.alerts.rule import AnyRule
from bus.domain.text import Text

RULES_FILE: Final = "ops/prometheus/rules.yml"
TESTS_FILE: Final = "ops/prometheus/rules_test.yml"
_SOURCE: Final = "bus/docgen/prometheus.py and the catalogue of alert rules"
_OWN: Final = {"origin": "ticketbus"}  # so that POST /v1/alerts/alertmanager leaves them out
_AT: Final = "10m"  # of the tests


@dataclass(frozen=True, slots=True, kw_only=True)
class PrometheusRule:
    """A rule of Prometheus. `fires` and `quiet`: a series and its values, one a minute, in promtool's notation.

    `severity` is empty where the series says it; `labels` are those that the fired alert takes from its series.
    """

    name: str
    expression: str
    waits: str = "0s"
    severity: str = ""
    text: Text
    page: str = "docs/alerts.md"
    labels: Mapping[str, str] = field(default_factory=dict)
    fires: tuple[str, str]
    quiet: tuple[str, str]


_READ_AT: Final = 'ticketbus_alerts_read_at_seconds{instance="a"}'
_POSTED: Final = 'ticketbus_http_requests_total{method="POST",route="/v1/tickets",status="%s"}'
_TURNED_AWAY: Final = 'ticketbus_intake_turned_away_total{source="crm"}'
_UPLOADS: Final = 'ticketbus_files_refused_total{code="%s"}'
_CALLS_LEFT: Final = 'ticketbus_fxiaoke_calls_left_today{app="service"}'
_MESSAGES: Final = 'ticketbus_mqtt_messages_total{outcome="%s",source="plant"}'
_MISSING: Final = 'ticketbus_stage_missing_total{handler="tickets"}'
_RULE_FAILS: Final = 'ticketbus_alert_rule_failures_total{rule="relay_stuck"}'
_SENT: Final = 'ticketbus_alert_messages_total{channel="sre",outcome="failed"}'
OWN_RULES: Final = (
    PrometheusRule(
        name="TicketbusNotScraped",
        expression="absent(ticketbus_alerts_read_at_seconds)",
        waits="1m",
        severity="p1",
        text=Text("没有读到总线任何程序的指标", "no program of the bus is scraped"),
        fires=('up{instance="a"}', "1x20"),
        quiet=(_READ_AT, "0+60x20"),
    ),
    PrometheusRule(
        name="TicketbusAlertsStandStill",
        expression="time() - max(ticketbus_alerts_read_at_seconds) > 60",
        severity="p1",
        text=Text("总线的告警停住:PostgreSQL 或全部程序不可用", "the bus's own alerts stand still: PostgreSQL is away"),
        fires=(_READ_AT, "60x20"),
        quiet=(_READ_AT, "0+60x20"),
    ),
    PrometheusRule(
        name="TicketbusAnswers5xx",
        expression='sum by (route) (increase(ticketbus_http_requests_total{method="POST",status=~"5.."}[5m])) > 0',
        severity="p1",
        text=Text("网关对写请求应答 5xx", "the gateway answers requests that change something with 5xx"),
        page="docs/alerts.md#source-5xx",
        labels={"route": "/v1/tickets"},
        fires=(_POSTED % 500, "0 0 1+1x20"),
        quiet=(_POSTED % 422, "0 0 1+1x20"),
    ),
    PrometheusRule(
        name="TicketbusIntakeTurnedAway",
        expression="sum by (source) (increase(ticketbus_intake_turned_away_total[5m])) > 0",
        severity="p1",
        text=Text("PostgreSQL 与 Kafka 都不可用,进件被拒", "intake is turned away: no store can take it"),
        labels={"source": "crm"},
        fires=(_TURNED_AWAY, "0 0 1+1x20"),
        quiet=(_TURNED_AWAY, "3x20"),
    ),
    PrometheusRule(
        name="TicketbusAlertsNotSent",
        expression='sum by (channel) (increase(ticketbus_alert_messages_total{outcome="failed"}[10m])) > 2',
        severity="p2",
        text=Text("告警渠道发送失败", "messages to a channel of alerts fail"),
        labels={"channel": "sre"},
        fires=(_SENT, "0 0 1+1x20"),
        quiet=(_SENT, "3x20"),
    ),
    PrometheusRule(
        name="TicketbusAlertRuleFails",
        expression="sum by (rule) (increase(ticketbus_alert_rule_failures_total[10m])) > 2",
        severity="p2",
        text=Text(
            "告警规则读取失败",
            "a rule of the bus's own alerts cannot be read",
        ),
        labels={"rule": "relay_stuck"},
        fires=(_RULE_FAILS, "0 0 1+1x20"),
        quiet=(_RULE_FAILS, "3x20"),
    ),
    PrometheusRule(
        name="TicketbusRecordsLost",
        expression="sum by (handler) (increase(ticketbus_stage_missing_total[15m])) > 0",
        severity="p1",
        text=Text(
            "Kafka 在处理前删除了记录",
            "Kafka deleted records before they took effect",
        ),
        page="docs/operating.md#the-two-stores-against-each-other",
        labels={"handler": "tickets"},
        fires=(_MISSING, "0 0 1+1x20"),
        quiet=(_MISSING, "3x20"),
    ),
    PrometheusRule(
        name="TicketbusStrangeRecords",
        expression="sum(increase(ticketbus_log_passed_over_total[15m])) > 0",
        severity="p2",
        text=Text("事件主题上有并非事件的记录", "somebody writes records that are no events to the log"),
        page="docs/securing.md",
        fires=("ticketbus_log_passed_over_total", "0 0 1+1x20"),
        quiet=("ticketbus_log_passed_over_total", "3x20"),
    ),
    PrometheusRule(
        name="TicketbusRefusedNotKept",
        expression="sum(increase(ticketbus_refused_not_kept_total[15m])) > 0",
        severity="p3",
        text=Text("被拒的输入超过一天的份额,不再保存", "refused input is beyond a day's share, and not kept any more"),
        fires=("ticketbus_refused_not_kept_total", "0 0 1+1x20"),
        quiet=("ticketbus_refused_not_kept_total", "3x20"),
    ),
    PrometheusRule(
        name="TicketbusUploadsHaveNoRoom",
        expression='sum(increase(ticketbus_files_refused_total{code="files_full"}[10m])) > 0',
        severity="p2",
        text=Text("没有空间接收文件", "uploads are refused: there is no room for files"),
        page="docs/files.md",
        fires=(_UPLOADS % "files_full", "0 0 1+1x20"),
        quiet=(_UPLOADS % "file_too_large", "0 0 1+1x20"),
    ),
    PrometheusRule(
        name="TicketbusFxiaokeCallsRunOut",
        expression="min by (app) (ticketbus_fxiaoke_calls_left_today) < 100",
        severity="p2",
        text=Text("纷享销客今日调用次数将尽", "the calls of 纷享销客 for today run out: the rest waits for midnight"),
        page="docs/fxiaoke.md",
        labels={"app": "service"},
        fires=(_CALLS_LEFT, "500-50x20"),
        quiet=(_CALLS_LEFT, "5000x20"),
    ),
    PrometheusRule(
        name="TicketbusSensorMessagesRefused",
        expression='sum by (source) (increase(ticketbus_mqtt_messages_total{outcome!~"taken|retained"}[15m])) > 10',
        severity="p3",
        text=Text("设备消息被拒", "messages of devices are refused"),
        page="docs/sensors.md",
        labels={"source": "plant"},
        fires=(_MESSAGES % "malformed", "0 0 5+5x20"),
        quiet=(_MESSAGES % "taken", "0 0 5+5x20"),
    ),
    PrometheusRule(
        name="TicketbusSubscribersCut",
        expression="sum(increase(ticketbus_stream_cut_total[15m])) > 3",
        severity="p3",
        text=Text("订阅者读得太慢而被断开", "subscribers are cut, for they read too slowly"),
        page="docs/subscribing.md",
        fires=("ticketbus_stream_cut_total", "0 0 1+1x20"),
        quiet=("ticketbus_stream_cut_total", "9x20"),
    ),
)
"""What Prometheus sees by itself, whether the bus's own engine runs or not."""


def prometheus_rules(rules: Iterable[AnyRule]) -> Sequence[PrometheusRule]:
    """Give all rules: what Prometheus sees by itself, then one for each rule of the catalogue. Pure."""
    return [*OWN_RULES, *map(_of_catalogue, rules)]


def _of_catalogue(rule: AnyRule) -> PrometheusRule:
    name = rule.name.value
    series = f'ticketbus_alerts_open{{instance="a",rule="{name}",severity="p1"}}'
    return PrometheusRule(
        name="Ticketbus" + "".join(part.capitalize() for part in name.split("_")),
        expression=f'max by (severity) (ticketbus_alerts_open{{rule="{name}"}}) > 0',
        text=rule.title,
        page=rule.page,
        labels={"severity": "p1"},
        fires=(series, "0 1x20"),
        quiet=(series, "0x20"),
    )


def rules_file(rules: Iterable[AnyRule]) -> str:
    """Draw the rules file. Pure."""
    drawn = [
        {
            "alert": one.name,
            "expr": one.expression,
            "for": one.waits,
            "labels": _labels(one),
            "annotations": _annotations(one),
        }
        for one in prometheus_rules(rules)
    ]
    return _yaml({"groups": [{"name": "ticketbus", "interval": "15s", "rules": drawn}]})


def tests_file(rules: Iterable[AnyRule]) -> str:
    """Draw promtool's tests: each rule fires on one input, and not on the other. Pure."""
    tests = list[Mapping[str, Any]]()
    for one in prometheus_rules(rules):
        tests += [_test(one, one.fires, fires=True), _test(one, one.quiet, fires=False)]
    return _yaml({"rule_files": ["rules.yml"], "evaluation_interval": "15s", "tests": tests})


def _labels(one: PrometheusRule) -> dict[str, str]:
    return {**_OWN, **({"severity": one.severity} if one.severity else {})}


def _annotations(one: PrometheusRule) -> dict[str, str]:
    return {"summary": str(one.text), "runbook": one.page, "command": "ticketbus alerts list"}


def _test(one: PrometheusRule, series: tuple[str, str], *, fires: bool) -> Mapping[str, Any]:
    expected = {"exp_labels": {**_labels(one), **one.labels}, "exp_annotations": _annotations(one)}
    return {
        "interval": "1m",
        "input_series": [{"series": series[0], "values": series[1]}],
        "alert_rule_test": [{"eval_time": _AT, "alertname": one.name, "exp_alerts": [expected] if fires else []}],
    }


def _yaml(content: Mapping[str, Any]) -> str:
    text = yaml.safe_dump(content, allow_unicode=True, sort_keys=False, width=120)
    return f"# Drawn by `ticketbus docs draw` from {_SOURCE}. Change it there, then draw again.\n{text}"
