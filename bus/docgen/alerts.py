"""The list of alert rules in docs/alerts.md, drawn from the rules themselves."""

from collections.abc import Iterable

from bus.alerts.rule import AnyRule
from bus.docgen.markdown import code, table

_HEADS = ("Rule", "Severity", "Says", "Opens after", "Closes after")


def rules_table(rules: Iterable[AnyRule]) -> str:
    """Draw the table of all rules, each with the anchor that its alerts name. Pure."""
    rows = (
        (
            f'<a id="{rule.page.partition("#")[2]}"></a>{code(rule.name.value)}',
            rule.severity.value.upper(),
            str(rule.title),
            f"{rule.open_after.total_seconds():g} s",
            f"{rule.close_after.total_seconds():g} s",
        )
        for rule in rules
    )
    return table(_HEADS, rows)
