"""What a targets or channels file says of a receiver of signed webhooks: its address, its keys, what it answers."""

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field

from adapters import webhook_signature as signature
from adapters.adapter import EnvironmentSecrets
from adapters.answers.fields import AnswerRule, field_path
from adapters.answers.values import spelled
from adapters.http_options import HttpOptions
from adapters.outbound_http import HttpUrl
from bus.config_file import VariableName, in_form
from bus.domain.text import Text

FieldPath = Annotated[
    str,
    in_form(
        r"(?=.{1,100}$)[^.\s]+(\.[^.\s]+){0,4}",
        Text(
            "应为应答中的字段名,用点分隔最多 5 级,不含空格,例如 Result.IsSuccess",
            "names a field of the answer, up to 5 levels by dots, without blanks, such as Result.IsSuccess",
        ),
    ),
]
DoneValues = Annotated[tuple[bool | int | str, ...], Field(min_length=1)]


class WebhookOptions(HttpOptions):
    """Where a receiver listens, and the variables of the secrets: all of them sign.

    `done_when`: fields of a 2xx answer and their values that mean done, in place of the usual ones; an empty mapping:
    the status alone counts. `unclear`: what an answer counts as that has none of the fields.
    """

    url: HttpUrl
    secrets: Annotated[tuple[VariableName, ...], Field(min_length=1, max_length=2)]
    done_when: Mapping[FieldPath, DoneValues] | None = None
    unclear: Literal["done", "unknown"] = "done"

    @property
    def rule(self) -> AnswerRule:
        """Give how a 2xx answer is read."""
        named = self.done_when
        return AnswerRule(
            done_when=None
            if named is None
            else {field_path(path): frozenset(spelled(value) or "" for value in good) for path, good in named.items()},
            unclear_is_done=self.unclear == "done",
        )

    def keys(self, secrets: EnvironmentSecrets) -> tuple[signature.Secret, ...]:
        """Read the signing keys. Raises ConfigFileInvalid or SettingsInvalid: the variable, never the value."""
        return tuple(
            signature.secret(secrets.read(name).get_secret_value(), where=f"{secrets.where}: {name}")
            for name in self.secrets
        )
