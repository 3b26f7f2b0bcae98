"""A history for an auditor: who did what, when and why, with what proof; as rows, and as a page that prints. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from html import escape
from typing import Any, Final

import orjson

from bus.audit.bundle import SealedEvent
from bus.audit.subject import Subject
from bus.domain.event_words import EVENT_WORDS
from bus.domain.events import Recorded
from bus.domain.naming import dotted
from bus.domain.text import visible
from bus.wire.codec import event_json, plain

_REASONS: Final = ("reason", "note", "text", "summary", "description")
_APPROVERS: Final = ("confirmed_by", "rejected_by", "document_no")
_EVIDENCE: Final = ("uri", "sha256", "photos")
_ELSEWHERE: Final = {*_REASONS, *_APPROVERS, *_EVIDENCE, "ticks"}
_STYLE: Final = """
body{font-family:"Noto Sans CJK SC","Microsoft YaHei",sans-serif;margin:2em;color:#111}
table{border-collapse:collapse;width:100%;font-size:12px}
th,td{border:1px solid #999;padding:4px 6px;text-align:left;vertical-align:top}
td{white-space:pre-line;overflow-wrap:anywhere}
th{background:#eee}td.hash{font-family:monospace;font-size:10px}
@media print{body{margin:0}thead{display:table-header-group}tr{break-inside:avoid}@page{size:A4 landscape;margin:12mm}}
"""
_HEADS: Final = (
    ("工单 / 版本", "ticket / version"), ("发生时间 (UTC)", "occurred"), ("记录时间 (UTC)", "recorded"),
    ("操作人 (来源)", "who (source)"),
    ("事件", "what"), ("原因与说明", "reason, words"), ("内容", "details"), ("证据", "evidence"),
    ("确认 / 审批", "approval"), ("叶子与散列", "leaf and hash"),
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """What stands under a history: the last checkpoint, its key, and what is not as it was sealed; all may be empty."""

    note: str
    sealed_at: datetime | None
    key: str
    wrong: Sequence[str]


def history_rows(events: Sequence[Recorded], sealed: Sequence[SealedEvent]) -> list[dict[str, Any]]:
    """Give each event in clear, with its reason, evidence and approval, and its place in the tree."""
    rows = []
    for event, one in zip(events, sealed, strict=True):
        own, kind = plain(event.event), dotted(type(event.event))
        rows.append(
            {
                **event_json(event),
                "zh": EVENT_WORDS[kind].zh,
                "reason": "\n".join(own[name] for name in _REASONS if own.get(name)),
                "evidence": {name: own[name] for name in _EVIDENCE if own.get(name)},
                "details": {name: value for name, value in own.items() if value and name not in _ELSEWHERE},
                "approval": {name: own[name] for name in (*_APPROVERS, "ticks") if own.get(name)},
                "leaf": one.leaf,
                "leaf_hash": one.entry.hashed.hex(),
            }
        )
    return rows


def history_page(subject: Subject, rows: Sequence[Mapping[str, Any]], proof: Proof, made_at: datetime) -> str:
    """Draw the page; every text of others is escaped."""
    about = subject.ticket or f"{subject.since:%Y-%m-%d %H:%M} – {subject.until:%Y-%m-%d %H:%M} UTC"
    heads = "".join(f"<th>{zh}<br>{en}</th>" for zh, en in _HEADS)
    waiting = sum(row["leaf"] is None for row in rows)
    seal = _shown(proof.note) if proof.note else "还没有检查点 / there is no checkpoint yet"
    at = f"{proof.sealed_at:%Y-%m-%d %H:%M:%S} UTC" if proof.sealed_at else "-"
    counts = f"{len(rows)} 个事件 events, {waiting} 个未封存 not sealed"
    return f"""<!DOCTYPE html>
<html lang="zh-CN"><head><meta charset="utf-8">
<title>审计报告 {_shown(about)}</title><style>{_STYLE}</style></head><body>
<h1>审计报告 / Audit report</h1>
<p>{_shown(about)} · {counts} · 生成于 made {made_at:%Y-%m-%d %H:%M:%S} UTC</p>
{"".join(f"<p><strong>与封存不符 / NOT AS SEALED: {_shown(one)}</strong></p>" for one in proof.wrong)}
<table><thead><tr>{heads}</tr></thead><tbody>
{"".join(map(_line, rows))}
</tbody></table>
<h2>验证 / Verification</h2>
<p>本页本身不是证明。请用证明包验证: <code>ticketbus audit verify BUNDLE --key KEY --witness WITNESS</code><br>
This page proves nothing by itself; verify the proof bundle.</p>
<p>检查点 checkpoint, {at}, 公钥 key {_shown(proof.key)}</p><pre>{seal}</pre>
</body></html>
"""


def _line(row: Mapping[str, Any]) -> str:
    marks = "".join(f" [{name}]" for name in ("historic", "implied") if row[name])
    cells = [
        f"{row['ticket_id']} / {row['version']}",
        f"{row['occurred_at']:%Y-%m-%d %H:%M:%S}",
        f"{row['recorded_at']:%Y-%m-%d %H:%M:%S}",
        f"{row['actor']} ({row['source']})",
        f"{row['zh']} {row['event_type']}{marks}",
        row["reason"],
        _pairs(row["details"]),
        _pairs(row["evidence"]),
        _pairs(row["approval"]),
    ]
    place = "未封存 / not sealed" if row["leaf"] is None else f"#{row['leaf']}"
    hashed = f"<td class=hash>{place}<br>{row['leaf_hash']}</td>"
    return f"<tr>{''.join(f'<td>{_shown(one)}</td>' for one in cells)}{hashed}</tr>\n"


def _pairs(values: Mapping[str, Any]) -> str:
    return "\n".join(
        f"{name}: {value if isinstance(value, str) else orjson.dumps(value).decode()}" for name, value in values.items()
    )


def _shown(text: str) -> str:
    """Escape a text; its controls are shown, its ends of lines kept."""
    return "\n".join(escape(visible(line)) for line in text.split("\n"))
