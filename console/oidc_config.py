"""The OIDC file, typed: the provider, the console's own address there, and which groups sign in as what."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from bus.config_file import FileModel, VariableName, in_form, read_yaml
from bus.domain.text import Text

Address = Annotated[
    str,
    in_form(
        r"https://\S+|http://(127\.0\.0\.1|localhost|\[::1\])(:\d+)?(/\S*)?",
        Text("应为 https 地址(本机可用 http)", "an https address (http on this machine alone)"),
    ),
]


class GroupGrant(FileModel):
    """What a group signs in as; of a person in several groups the first in the file counts."""

    role: Literal["engineer", "dispatcher", "lead", "sre", "admin"]
    regions: tuple[str, ...] = ()


class OidcConfig(FileModel):
    """`url` is the console's own address, registered with the provider as URL/oidc/back.

    `name` and `groups_claim` are claims of the ID token: how a person is called, and a list of the groups they are in.
    """

    issuer: Address
    url: Address
    client_id: str = Field(min_length=1)
    client_secret: VariableName
    scope: str = "openid profile"
    name: str = "preferred_username"
    groups_claim: str = "groups"
    groups: Mapping[str, GroupGrant] = Field(min_length=1)

    def grant(self, groups: object) -> GroupGrant | None:
        """Give what a person in these groups signs in as; None for somebody in none of the file's. Pure."""
        named = groups if isinstance(groups, list) else ()
        return next((grant for group, grant in self.groups.items() if group in named), None)


def load_oidc_config(path: Path) -> OidcConfig:
    """Read the file. Raises ConfigFileInvalid, naming every fault."""
    return read_yaml(path, OidcConfig)
