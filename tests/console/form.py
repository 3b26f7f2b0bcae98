"""The forms of a page, as a browser finds them."""

from html.parser import HTMLParser


class _Forms(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.forms: dict[str, dict[str, str]] = {}
        self.inside: dict[str, str] | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "form":
            self.inside = self.forms.setdefault(given.get("action") or "", {})
        elif tag == "input" and self.inside is not None and (name := given.get("name")):
            self.inside[name] = given.get("value") or ""

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self.inside = None


def fields_of_form(html: str, action: str) -> dict[str, str]:
    """Give the fields of the form that is sent to an address, with the values they have."""
    parser = _Forms()
    parser.feed(html)
    assert action in parser.forms, f"no form is sent to {action}: {list(parser.forms)}"
    return parser.forms[action]
