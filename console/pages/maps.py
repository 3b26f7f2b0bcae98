"""Maps of sources: those in force; and one with its versions, tried on samples, applied, rolled back, taken off."""

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote

from bus.domain.text import Text
from bus.intake.reserved_names import wrong_for_a_map
from console.forms import number_of
from console.gateway_api import ApiProblem, refusal
from console.map_view import (
    DiffLine,
    diff_lines,
    headers_of,
    larger_of,
    named,
    plain,
    samples_of,
    shown_faults,
    shown_fields,
    too_large,
)
from console.page import Action, Asked, Page, link

SAMPLE_FIELDS_MIN: Final = 2
OUTCOMES: Final[Mapping[str, tuple[str, Text]]] = {
    "accepted": ("good", Text("接受", "accepted")),
    "refused": ("bad", Text("拒绝", "refused")),
    "passed over": ("none", Text("不处理", "passed over")),
}
_UNNAMED: Final = Text("请写来源的名称", "give the source's name")
_TAKEN: Final = Text("此来源不由对照表接入,请换一个名称", "this source comes without a map: take another name")
_NO_SAMPLE: Final = Text("请先粘贴样例", "paste a sample first")


async def _list(asked: Asked) -> Mapping[str, Any]:
    return {**await asked.get("/v1/maps")}


async def _begin(asked: Asked) -> str:
    """Lead to the page of a source, with a map that comes with the bus in the editor where one was chosen."""
    source = asked.form.get("source", "").strip() or asked.form.get("shipped", "")
    if not source:
        raise refusal(422, "missing", _UNNAMED, field="source")
    if why := wrong_for_a_map(source):
        raise refusal(422, "wrong_name", why, field="source")
    if source in (await asked.get("/v1/maps"))["others"]:
        raise refusal(409, "source_taken", _TAKEN, field="source")
    return link(f"/maps/{quote(source, safe='')}", shipped=asked.form.get("shipped", ""))


async def _one(asked: Asked) -> Mapping[str, Any]:
    source, form = asked.path["source"], asked.form
    state = await _state(asked)
    newest = state["version"] if state else 0
    chosen = number_of(asked.query.get("version", "")) or newest
    content = await _content(asked, chosen)
    shipped = asked.query.get("shipped", "")
    began = content or (await _before(asked, state, chosen) if state else "")
    if not content and shipped:
        found = await asked.get(f"/v1/maps/shipped/{quote(shipped, safe='')}")
        began = named(found["content"], source)
    samples = [one for one in asked.chosen("sample") if one.strip()]
    return {
        "source": source,
        "state": state,
        "chosen": chosen,
        "changes": diff_lines(await _before(asked, state, chosen), content) if state else [],
        "content": form.get("content", began),
        "over": form.get("over", newest),
        "samples": samples + [""] * max(SAMPLE_FIELDS_MIN - len(samples), 1),
        "headers": form.get("headers", ""),
        "outcomes": OUTCOMES,
        "trial": None,
        "faults": [],
        "against": [],
    }


async def _state(asked: Asked) -> Mapping[str, Any] | None:
    try:
        found: Mapping[str, Any] = await asked.get(_path(asked))
    except ApiProblem as problem:
        if problem.status != 404:
            raise
        return None
    return found


async def _content(asked: Asked, version: object) -> str:
    if not version:
        return ""
    found = await asked.get(f"{_path(asked)}/versions/{quote(str(version), safe='')}")
    return found["content"] or ""


async def _before(asked: Asked, state: Mapping[str, Any], version: object) -> str:
    earlier = [one["version"] for one in state["versions"] if isinstance(version, int) and one["version"] < version]
    return await _content(asked, earlier[0] if earlier else 0)


async def _try(asked: Asked) -> Mapping[str, Any]:
    """Show the faults, or what each sample would become, and what the text changes of the version in force."""
    content, form = plain(asked.form.get("content", "")), asked.form
    body = {
        "content": content,
        "samples": samples_of(asked.chosen("sample")),
        "headers": headers_of(form.get("headers", "")),
    }
    trial = await _within_size(asked, "/v1/maps/try", body)
    shown = [
        {**one, "commands": [{**each, "shown": shown_fields(each)} for each in one["commands"]]}
        for one in trial["samples"]
    ]
    return {
        "trial": {**trial, "samples": shown},
        "faults": shown_faults(trial["faults"], content),
        "against": await _against(asked, content),
    }


async def _within_size(asked: Asked, path: str, body: Mapping[str, Any]) -> Any:
    """Send a map, samples or both; too large together is said at the larger of the two. Raises ApiProblem."""
    try:
        return await asked.post(path, body)
    except ApiProblem as problem:
        if problem.status == 413:
            text = too_large(problem.problem.get("limit_bytes", 0))
            raise refusal(413, "body_too_large", text, field=larger_of(body)) from None
        raise


async def _against(asked: Asked, content: str) -> list[DiffLine]:
    """Give what a text changes of the newest version; of a source that has none, nothing."""
    state = await _state(asked)
    return diff_lines(await _content(asked, state["version"]), content) if state else []


async def _learn(asked: Asked) -> Mapping[str, Any]:
    samples = samples_of(asked.chosen("sample"))
    if not samples:
        raise refusal(422, "missing", _NO_SAMPLE, field="samples")
    found = await _within_size(asked, "/v1/maps/learn", {"source": asked.path["source"], "samples": samples})
    return {"content": found["content"]}


async def _apply(asked: Asked) -> str | Mapping[str, Any]:
    """Apply what was typed; where it is refused, show the faults, or what somebody else applied meanwhile."""
    content = plain(asked.form.get("content", ""))
    try:
        await _within_size(asked, f"{_path(asked)}/apply", {"content": content, **_decision(asked)})
    except ApiProblem as problem:
        if faults := problem.problem.get("faults"):
            return {"problem": problem, "faults": shown_faults(faults, content)}
        if problem.problem.get("code") == "newer_version":
            state = await _state(asked)
            newest = state["version"] if state else 0
            return {"problem": problem, "over": newest, "against": await _against(asked, content)}
        raise
    return link(f"/maps/{quote(asked.path['source'], safe='')}")


async def _rollback(asked: Asked) -> str:
    to = number_of(asked.form.get("to", ""))
    await asked.post(f"{_path(asked)}/rollback", {"to": to, **_decision(asked)})
    return link(f"/maps/{quote(asked.path['source'], safe='')}")


async def _remove(asked: Asked) -> str:
    await asked.post(f"{_path(asked)}/remove", _decision(asked))
    return link(f"/maps/{quote(asked.path['source'], safe='')}")


def _decision(asked: Asked) -> dict[str, Any]:
    return {"over": number_of(asked.form.get("over", "")), "why": asked.form.get("why", "")}


def _path(asked: Asked) -> str:
    return f"/v1/maps/{quote(asked.path['source'], safe='')}"


LIST: Final = Page(
    path="/maps",
    title=Text("对照表", "maps"),
    template="maps.html",
    read=_list,
    needs="maps",
    actions=[Action(name="open-map", run=_begin, done=Text("", ""))],
)
PAGE: Final = Page(
    path="/maps/{source}",
    title=Text("对照表", "map"),
    template="map.html",
    read=_one,
    needs="maps",
    menu=False,
    actions=[
        Action(name="try", run=_try, done=Text("", "")),
        Action(name="learn", run=_learn, done=Text("", "")),
        Action(name="apply", run=_apply, done=Text("已生效", "in force")),
        Action(name="rollback", run=_rollback, done=Text("已回退", "rolled back")),
        Action(name="take-off", run=_remove, done=Text("已停用", "taken off")),
    ],
)
