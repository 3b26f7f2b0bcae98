"""Dead letters: open ones by cause, those of a cause, and one whole: to send again, to let go, to mend by two steps."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final
from urllib.parse import quote

from bus.domain.text import Text
from console.edited import as_text, diff_rows, edit_of
from console.forms import number_of
from console.gateway_api import ApiProblem, refusal
from console.page import Action, Asked, Page, link

BYTES_SHOWN: Final = 2_048
_ROW_BYTES: Final = 16
RETRIED: Final = Text("已重发", "sent again")
DISCARDED: Final = Text("已作废", "discarded")
EDITED: Final = Text("修改件已就位,请重发", "mended; send it again")
FREEZE: Final[Mapping[str, str]] = {"canary": "5", "watch_s": "10", "rate_per_s": "10"}
"""What a redrive is frozen with where nothing else is typed."""


async def _list(asked: Asked) -> Mapping[str, Any]:
    wanted = {name: asked.query.get(name) for name in ("target", "origin")}
    found = await asked.get("/v1/deadletters", **wanted)
    groups = found["groups"]
    sums = {name: sum(one[name] for one in groups) for name in ("letters", "behind")}
    return {"groups": groups, "sums": sums, "wanted": wanted["target"] or wanted["origin"] or ""}


async def _of_cause(asked: Asked) -> Mapping[str, Any]:
    cause = asked.path["cause"]
    page = await asked.get("/v1/deadletters/letters", cause=cause, after=asked.query.get("after"))
    return {
        "cause": cause,
        "address": link(f"/letters/of/{quote(cause, safe='')}"),
        "letters": page["letters"],
        "next": page["next"],
        "chosen": asked.chosen("letter"),
        "freeze": {**FREEZE, **asked.form},
    }


async def _letter(asked: Asked) -> Mapping[str, Any]:
    letter = await asked.get(f"/v1/deadletters/{asked.path['letter']}")
    editable = letter["editable"]
    value = bytes.fromhex(letter["value"])
    return {
        "letter": letter,
        "fields": [(name, one if isinstance(one, str) else as_json(one)) for name, one in letter["decoded"].items()],
        "hex": hex_lines(value[:BYTES_SHOWN]),
        "size": len(value),
        "content": asked.form.get("content") or ("" if editable is None else as_text(editable)),
        "checked": None,
    }


async def _retry(asked: Asked) -> str:
    return await _decide(asked, "retry")


async def _discard(asked: Asked) -> str:
    return await _decide(asked, "discard")


async def _decide(asked: Asked, name: str) -> str:
    await asked.post(f"/v1/deadletters/{name}", {"letters": _letters(asked), "why": asked.form.get("why", "")})
    return ""


async def _freeze(asked: Asked) -> str:
    form = asked.form
    frozen = await asked.post(
        "/v1/deadletters/redrives",
        {
            "target": form.get("target", ""),
            "cause": asked.path["cause"],
            **{name: number_of(form.get(name, "")) for name in FREEZE},
            "why": form.get("why", ""),
        },
    )
    return link(f"/redrives/{frozen['id']}")


async def _check(asked: Asked) -> Mapping[str, Any]:
    return await _checked(asked, await _edit_of(asked))


async def _checked(asked: Asked, edit: Mapping[str, Any]) -> Mapping[str, Any]:
    checked = await asked.post(f"/v1/deadletters/{asked.path['letter']}/check", edit)
    return {"checked": diff_rows(checked["before"], checked["after"])}


async def _edit(asked: Asked) -> str | Mapping[str, Any]:
    """Write the mended copy; where only the reason is refused, stay at this step with what it would change."""
    edit = await _edit_of(asked)
    why = asked.form.get("why", "")
    try:
        edited = await asked.post(f"/v1/deadletters/{asked.path['letter']}/edit", {**edit, "why": why})
    except ApiProblem as problem:
        if problem.problem.get("field") != "why":
            raise
        return {**await _checked(asked, edit), "problem": problem}
    return link(f"/letters/{edited['letter']}")


async def _edit_of(asked: Asked) -> dict[str, Any]:
    editable = (await asked.get(f"/v1/deadletters/{asked.path['letter']}"))["editable"]
    if editable is None:
        gone = Text("这封死信不能修改,或已处理", "this letter cannot be edited, or was dealt with")
        raise refusal(409, "letter_kept", gone, field="letter")
    return edit_of(editable, asked.form.get("content", ""))


def _letters(asked: Asked) -> Sequence[int]:
    """Give the letters that are asked about: the page's own, or those that were ticked. Raises ApiProblem (422)."""
    if "letter" in asked.path:
        return [asked.path["letter"]]
    chosen = [one for one in map(number_of, asked.chosen("letter")) if isinstance(one, int)]
    if not chosen:
        none = Text("请先勾选死信", "tick the letters first")
        raise refusal(422, "missing", none, field="letters")
    return chosen


def as_json(value: object) -> str:
    """Spell a value for people. Pure."""
    return json.dumps(value, ensure_ascii=False)


def hex_lines(value: bytes) -> list[str]:
    """Give bytes as lines of offset, hex and what of it is ASCII. Pure."""
    rows = [(at, value[at : at + _ROW_BYTES]) for at in range(0, len(value), _ROW_BYTES)]
    return [
        f"{at:06x}  {row.hex(' '):<47}  {''.join(chr(one) if 32 <= one < 127 else '.' for one in row)}"
        for at, row in rows
    ]


LIST: Final = Page(
    path="/letters", title=Text("死信", "dead letters"), template="letters.html", read=_list, needs="letters", live=True
)
OF_CAUSE: Final = Page(
    path="/letters/of/{cause}",
    title=Text("同一原因的死信", "letters of a cause"),
    template="letters_of_cause.html",
    read=_of_cause,
    needs="letters",
    menu=False,
    actions=[
        Action(name="retry", run=_retry, done=RETRIED),
        Action(name="discard", run=_discard, done=DISCARDED),
        Action(name="freeze", run=_freeze, done=Text("已冻结", "frozen")),
    ],
)
PAGE: Final = Page(
    path="/letters/{letter:int}",
    title=Text("死信", "dead letter"),
    template="letter.html",
    read=_letter,
    needs="letters",
    menu=False,
    actions=[
        Action(name="retry", run=_retry, done=RETRIED),
        Action(name="discard", run=_discard, done=DISCARDED),
        Action(name="check", run=_check, done=Text("", "")),
        Action(name="edit", run=_edit, done=EDITED),
    ],
)
