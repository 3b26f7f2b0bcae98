"""Templates into HTML: everything is escaped, texts are of both languages, times are of China with their offset."""

from collections.abc import Mapping
from datetime import datetime
from functools import cache, partial
from hashlib import sha256
from importlib.resources import files
from typing import Any, Final
from zoneinfo import ZoneInfo

import jinja2
from jinja2_fragments import render_block
from markupsafe import Markup

from bus.domain.escalation import board_words
from bus.domain.text import Text
from console.page import ROOT, link

ZONE: Final = ZoneInfo("Asia/Shanghai")
LANGUAGES: Final = ("zh", "en")
_UNITS: Final = ((Text("天", "d"), 86_400), (Text("小时", "h"), 3_600), (Text("分钟", "m"), 60), (Text("秒", "s"), 1))
MACROS: Final = {
    "parts": "parts.html",
    "journeys": "journey_parts.html",
    "board_parts": "board_parts.html",
    "consumer_parts": "consumer_parts.html",
}
"""Macros for all templates, and for a block that is rendered alone; those that others use first."""


class Templates:
    """The templates of the package; a name that is not given fails, so that nothing is silently left out."""

    def __init__(self, ticket_types: Mapping[str, str] | None = None) -> None:
        """Set Jinja2 up. `ticket_types`: the names in Chinese, by code."""
        names = tuple((one, Text(name, one.replace("_", " "))) for one, name in (ticket_types or {}).items())
        self._jinja = {one: _environment(one, names) for one in LANGUAGES}

    def page(self, template: str, context: Mapping[str, Any], language: str) -> str:
        """Render a whole page."""
        return self._jinja[language].get_template(template).render(self._of(context, language))

    def block(self, template: str, block: str, context: Mapping[str, Any], language: str) -> str:
        """Render one block of a page."""
        return render_block(self._jinja[language], template, block, self._of(context, language))

    @staticmethod
    def _of(context: Mapping[str, Any], language: str) -> dict[str, Any]:
        def t(text: str | Text | Mapping[str, Any], en: str = "") -> str:
            """Choose by language: of two texts, of a Text, or of anything with `zh` and `en`."""
            if isinstance(text, str):
                return text if language == "zh" else en
            return str(getattr(text, language) if isinstance(text, Text) else text[language])

        return {**context, "t": t, "language": language, "html_language": {"zh": "zh-CN", "en": "en"}[language]}


@cache
def _environment(language: str, ticket_types: tuple[tuple[str, Text], ...]) -> jinja2.Environment:
    """Set Jinja2 up for a language, which filters and macros have without its being passed on; compiles each once."""
    names = dict(ticket_types)
    jinja = jinja2.Environment(
        loader=jinja2.PackageLoader("console"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    jinja.filters |= {
        "when": when,
        "minute": minute,
        "clock": clock,
        "ago": partial(ago, language=language),
        "seconds": partial(duration, language=language),
        "code": code,
        "board_name": board_words,
        "type_name": lambda one: names.get(one, Text(one, one)),
    }
    jinja.globals |= {"link": link, "static": static_path, "root": ROOT, "ticket_types": [*names]}
    for name, file in MACROS.items():
        jinja.globals[name] = jinja.get_template(file).module
    return jinja


def when(at: str | datetime | None) -> str | Markup:
    """Show a moment in China's zone, with its offset; a dash where there is none."""
    if not at:
        return "–"
    moment = _moment(at)
    return Markup('<time datetime="{}">{}</time>').format(moment.isoformat(), _to_the_second(moment))


def minute(at: str | datetime | None) -> str | Markup:
    """Show a moment as service people read it, to the minute in China; its title has the second and the zone."""
    if not at:
        return "–"
    moment = _moment(at)
    shown = f"{moment.astimezone(ZONE):%m-%d %H:%M}"
    return Markup('<time datetime="{}" title="{}">{}</time>').format(moment.isoformat(), _to_the_second(moment), shown)


def _moment(at: str | datetime) -> datetime:
    return datetime.fromisoformat(at) if isinstance(at, str) else at


def _to_the_second(moment: datetime) -> str:
    return f"{moment.astimezone(ZONE):%m-%d %H:%M:%S} +08:00"


def code(text: str) -> Markup:
    """Show what stands between backticks in a text as code. Pure."""
    parts = (Markup("<code>{}</code>").format(one) if at % 2 else one for at, one in enumerate(text.split("`")))
    return Markup("").join(parts)


def clock(at: str | None) -> str:
    """Show the time of a day in China, to the millisecond."""
    return f"{datetime.fromisoformat(at).astimezone(ZONE):%H:%M:%S.%f}"[:-3] if at else "–"


def ago(at: str | datetime | None, now: datetime, *, language: str) -> str:
    """Say how long ago a moment is, as 2h 5m; a dash where there is none."""
    if not at:
        return "–"
    return duration((now - _moment(at)).total_seconds(), language=language)


def seconds_until(at: str | None, now: datetime) -> float | None:
    """Give the seconds until a moment, below 0 once it has passed; None where there is none. Pure."""
    return (datetime.fromisoformat(at) - now).total_seconds() if at else None


def duration(seconds: float | None, *, language: str) -> str:
    """Show seconds by their two largest units."""
    if seconds is None:
        return "–"
    rest = max(0, round(abs(seconds)))
    shown: list[str] = []
    for unit, size in _UNITS:
        count, rest = divmod(rest, size)
        if count or (size == 1 and not shown):
            shown.append(f"{count} {unit.zh}" if language == "zh" else f"{count}{unit.en}")
    return ("-" if seconds < 0 else "") + " ".join(shown[:2])


@cache
def static_path(name: str) -> str:
    """Give the address of a static file, with its hash: it may be kept for ever."""
    content = files("console").joinpath("static", name).read_bytes()
    return f"{ROOT}/static/{name}?v={sha256(content).hexdigest()[:16]}"
