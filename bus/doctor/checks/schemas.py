"""The schema registry: subjects, latest versions and levels against the catalogue."""

from collections.abc import Sequence
from typing import Final

from bus.consistency.registry_check import SchemaDifference, schema_differences
from bus.doctor.diagnosis import CannotLook, Check, Diagnosis, Examined
from bus.schema_registry import registry_of

NAME: Final = "schemas"


async def _read(examined: Examined) -> Sequence[SchemaDifference]:
    if (registry := registry_of(examined.settings)) is None:
        raise CannotLook("SCHEMA_REGISTRY_URL is not set")
    return await schema_differences(registry)


def judge(found: Sequence[SchemaDifference]) -> Sequence[Diagnosis]:
    """Each difference is wrong. Pure."""
    return [
        Diagnosis(
            check=NAME,
            verdict="wrong",
            says=one.text.en,
            mend=one.mend,
            evidence={"subject": one.subject, "kind": one.kind.value},
        )
        for one in found
    ] or [Diagnosis(check=NAME, verdict="ok", says="the registry has every schema of this version")]


CHECK: Final = Check(name=NAME, read=_read, judge=judge)
