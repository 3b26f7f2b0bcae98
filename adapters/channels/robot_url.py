"""The address of a chat robot, which holds its key."""

from urllib.parse import parse_qs, urlsplit

from adapters.adapter import EnvironmentSecrets
from bus.config_file import ConfigFileInvalid
from bus.domain.text import Text


def robot_url(secrets: EnvironmentSecrets, variable: str, *, parameter: str) -> str:
    """Read a robot's address. Raises ConfigFileInvalid, without the address, for one that has no key in it."""
    url = secrets.read(variable).get_secret_value()
    try:
        parts = urlsplit(url)
        whole = parts.scheme in ("https", "http") and parts.hostname and parse_qs(parts.query).get(parameter)
    except ValueError:
        whole = None
    if not whole:
        form = Text(
            f"环境变量 {variable} 的内容应为含 {parameter}= 的完整网址,从群机器人的设置中复制",
            f"{variable} holds no http(s) address with {parameter}=: copy it from the robot's settings",
        )
        raise ConfigFileInvalid(f"{secrets.where}.url_variable: {form}")
    return url
