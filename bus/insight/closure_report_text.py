"""The closure report written for people: lines, CSV and HTML, Chinese first. Pure."""

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from typing import Final, NamedTuple

from bus.domain.text import Text
from bus.insight.closure_report import CAUSES, REJECTIONS, TAGS, ClosureReport, CountedCode
from bus.insight.metric import MetricFigure

SHARES: Final = "shares"
_TITLE: Final = Text("月度闭环报告", "Monthly closure report")
_HEADS: Final = ("类别 section", "代码 code", "中文", "English", "数值 value", "分子 numerator", "分母 denominator")
SECTIONS: Final = {
    SHARES: Text("比率", "Shares"),
    REJECTIONS: Text("客户驳回原因", "Why customers rejected"),
    TAGS: Text("场景标签前十", "Top ten scene tags"),
    CAUSES: Text("根因前十", "Top ten root causes"),
}
_UNSAID: Final = Text("未说明", "not said")
_NONE: Final = Text("无", "none")
NOTE: Final = Text(
    "按中国时间的自然月;首次修复率对月末 7 天内关闭的工单仍会变化;不统计关闭数量。",
    "A month by China's clock; the first-time fix rate still changes for closures of the last 7 days. How many tickets "
    "were closed is not counted.",
)
_STYLE: Final = """
body{font-family:"Noto Sans CJK SC","Microsoft YaHei",sans-serif;margin:2em;color:#111}
table{border-collapse:collapse;margin-bottom:2em}th,td{border:1px solid #999;padding:4px 10px;text-align:left}
th{background:#eee}td.n{text-align:right}small{color:#555}"""


class ReportLine(NamedTuple):
    """A line of the report."""

    section: str
    code: str
    text: Text
    value: str
    numerator: str = ""
    denominator: str = ""


class ReportWords(NamedTuple):
    """The words of the closed lists by their codes."""

    rejections: Mapping[str, Text]
    tags: Mapping[str, Text]
    causes: Mapping[str, Text]


def lines_of(report: ClosureReport, words: ReportWords) -> Sequence[ReportLine]:
    """Give the lines in their order; a code whose word is gone is its own word."""
    shares = [
        ReportLine(SHARES, metric.name, metric.title, _share(figure), f"{figure.hits}", f"{figure.units}")
        for metric, figure in report.shares
    ]
    counted = (
        (REJECTIONS, report.rejections, words.rejections),
        (TAGS, report.tags, words.tags),
        (CAUSES, report.root_causes, words.causes),
    )
    return [*shares, *(line for section, found, texts in counted for line in _counted(section, found, texts))]


def _counted(section: str, found: Sequence[CountedCode], words: Mapping[str, Text]) -> Iterator[ReportLine]:
    for one in found:
        text = words.get(one.code) or (Text(one.code, one.code) if one.code else _UNSAID)
        yield ReportLine(section, one.code, text, f"{one.tickets}")


def _share(figure: MetricFigure) -> str:
    return "-" if figure.share is None else f"{figure.share:.1%}"


def plain_lines(report: ClosureReport, words: ReportWords) -> Sequence[str]:
    """Write it for a terminal."""
    written = [f"{_TITLE} {report.since:%Y-%m}"]
    for section, lines in _by_section(report, words):
        written.append(f"{SECTIONS[section]}:" if lines else f"{SECTIONS[section]}: {_NONE}")
        written += [
            f"  {one.value:>8}  {one.text}" + (f"  ({one.numerator}/{one.denominator})" if one.denominator else "")
            for one in lines
        ]
    return written


def csv_text(report: ClosureReport, words: ReportWords) -> str:
    """Write it for spreadsheets, which know by the mark at its beginning that it is UTF-8."""
    file = io.StringIO()
    rows = csv.writer(file)
    rows.writerow(_HEADS)
    for one in lines_of(report, words):
        section = str(SECTIONS[one.section])
        rows.writerow([section, one.code, one.text.zh, one.text.en, one.value, one.numerator, one.denominator])
    return f"\ufeff{file.getvalue()}"


def html_text(report: ClosureReport, words: ReportWords) -> str:
    """Write it as a page by itself."""
    title = escape(f"{_TITLE} {report.since:%Y-%m}")
    tables = "".join(_table(section, lines) for section, lines in _by_section(report, words))
    return (
        f'<!doctype html>\n<html lang="zh-CN"><head><meta charset="utf-8"><title>{title}</title>'
        f"<style>{_STYLE}</style></head>\n<body><h1>{title}</h1>\n{tables}"
        f"<p>{escape(NOTE.zh)}<br><small>{escape(NOTE.en)}</small></p></body></html>\n"
    )


def _table(section: str, lines: Sequence[ReportLine]) -> str:
    rows = "".join(
        f"<tr><td>{escape(one.text.zh)}<br><small>{escape(one.text.en)}</small></td><td>{escape(one.code)}</td>"
        f'<td class="n">{escape(one.value)}</td><td class="n">{_of(one)}</td></tr>\n'
        for one in lines
    )
    head = f"<h2>{escape(str(SECTIONS[section]))}</h2>\n"
    return f"{head}<table>\n{rows}</table>\n" if lines else f"{head}<p>{escape(str(_NONE))}</p>\n"


def _of(line: ReportLine) -> str:
    return f"{line.numerator} / {line.denominator}" if line.denominator else ""


def _by_section(report: ClosureReport, words: ReportWords) -> Iterator[tuple[str, Sequence[ReportLine]]]:
    lines = lines_of(report, words)
    for section in SECTIONS:
        yield section, [one for one in lines if one.section == section]
