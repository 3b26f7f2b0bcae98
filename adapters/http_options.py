"""What a targets file says of any target that is called over HTTP: trust, own certificate, proxy."""

import ssl
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Final, Self

import httpx2
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.x509 import Certificate, load_pem_x509_certificates
from pydantic import model_validator

from adapters.adapter import EnvironmentSecrets, Options
from adapters.outbound_http import Egress, HttpUrl, public_trust
from bus.config_file import AbsolutePath, ConfigFileInvalid, VariableName
from bus.domain.text import Text

_NO_CERTIFICATE: Final = Text(
    "不是 PEM 证书;.p12 或 .pfx 文件可用 openssl pkcs12 -in 文件 -nodes 转换",
    "holds no certificate in PEM; `openssl pkcs12 -in FILE -nodes` makes PEM of a .p12 or .pfx",
)


class HttpOptions(Options):
    """Options of every target that is called over HTTP. Files are PEM, read once, when a worker starts.

    `ca_file`: the authorities that are trusted, these alone. `client_certificate`: with its chain, and with the key
    where `client_key` names no other file. `proxy_login` names the variable that holds user:password.
    """

    ca_file: AbsolutePath | None = None
    client_certificate: AbsolutePath | None = None
    client_key: AbsolutePath | None = None
    client_key_password: VariableName | None = None
    proxy: HttpUrl | None = None
    proxy_login: VariableName | None = None

    @model_validator(mode="after")
    def _nothing_without_its_other_half(self) -> Self:
        for part, whole in (
            ("client_key", "client_certificate"),
            ("client_key_password", "client_certificate"),
            ("proxy_login", "proxy"),
        ):
            if getattr(self, part) is not None and getattr(self, whole) is None:
                words = Text(f"写了 {part},也须写 {whole}", f"{part} stands without {whole}")
                raise ValueError(str(words))
        return self

    def egress(self, secrets: EnvironmentSecrets, now: datetime) -> Egress:
        """Read the files and give how calls leave. Raises ConfigFileInvalid by field: unreadable, expired at `now`."""
        trust = self._trust(secrets, now)
        return Egress(trust=trust, proxy=self._proxy(secrets, trust))

    def _trust(self, secrets: EnvironmentSecrets, now: datetime) -> ssl.SSLContext | None:
        if self.ca_file is None and self.client_certificate is None:
            return None
        context = public_trust() if self.ca_file is None else trust_in(self.ca_file, f"{secrets.where}.ca_file", now)
        if self.client_certificate is not None:
            self._show_certificate(context, self.client_certificate, secrets, now)
        return context

    def _show_certificate(
        self, context: ssl.SSLContext, path: Path, secrets: EnvironmentSecrets, now: datetime
    ) -> None:
        """Load the client's certificate and key. Never asks the terminal for a password."""
        where = f"{secrets.where}.client_certificate"
        own, *_ = certificates = _certificates(path, where)
        _check_validity(certificates[:1], where, now)
        password = secrets.read(self.client_key_password).get_secret_value() if self.client_key_password else ""
        where_key = where if self.client_key is None else f"{secrets.where}.client_key"
        _check_key(own, _content(self.client_key or path, where_key), password, where_key)
        try:
            context.load_cert_chain(path, self.client_key, password=lambda: password)
        except ssl.SSLError as error:  # such as a key that is too short
            raise _not_taken(where, error) from None

    def _proxy(self, secrets: EnvironmentSecrets, trust: ssl.SSLContext | None) -> httpx2.Proxy | None:
        if self.proxy is None:
            return None
        login = None
        if self.proxy_login is not None:
            user, colon, password = secrets.read(self.proxy_login).get_secret_value().partition(":")
            if not (user and colon):
                form = Text(
                    f"环境变量 {self.proxy_login} 的内容应为 用户名:密码", f"{self.proxy_login} is not user:password"
                )
                raise ConfigFileInvalid(f"{secrets.where}.proxy_login: {form}")
            login = (user, password)
        secured = httpx2.URL(self.proxy).scheme == "https"
        return httpx2.Proxy(self.proxy, auth=login, ssl_context=trust if secured else None)


def trust_in(path: Path, where: str, now: datetime) -> ssl.SSLContext:
    """Trust the authorities of a file, these alone. Raises ConfigFileInvalid, naming `where`."""
    _check_validity(_certificates(path, where), where, now)
    try:
        context = ssl.create_default_context(cafile=str(path))
    except ssl.SSLError as error:
        raise _not_taken(where, error) from None
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN  # an authority in between, or the server's own, is enough
    return context


def _unusable(where: str, zh: str, en: str) -> ConfigFileInvalid:
    return ConfigFileInvalid(f"{where}: {Text(zh, en)}")


def _not_taken(where: str, error: ssl.SSLError) -> ConfigFileInvalid:
    return _unusable(where, f"OpenSSL 不接受:{error.reason}", f"OpenSSL does not take it: {error.reason}")


def _content(path: Path, where: str) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        why = error.strerror
        raise _unusable(where, f"无法读取文件 {path}:{why}", f"{path} cannot be read: {why}") from None


def _certificates(path: Path, where: str) -> Sequence[Certificate]:
    try:
        return load_pem_x509_certificates(_content(path, where))
    except ValueError:
        raise _unusable(where, f"{path} {_NO_CERTIFICATE.zh}", f"{path} {_NO_CERTIFICATE.en}") from None


def _check_validity(certificates: Sequence[Certificate], where: str, now: datetime) -> None:
    """See that one of them is valid now: beside a new authority its old one may still stand."""
    begun = [one for one in certificates if one.not_valid_before_utc <= now]
    if not begun:
        first = min(one.not_valid_before_utc for one in certificates).isoformat()
        raise _unusable(where, f"证书 {first} 起才有效", f"its certificate is not valid before {first}")
    last = max(one.not_valid_after_utc for one in begun)
    if last < now:
        at = last.isoformat()
        raise _unusable(where, f"证书已于 {at} 过期", f"its certificate has expired on {at}")


def _check_key(certificate: Certificate, content: bytes, password: str, where: str) -> None:
    try:
        key = serialization.load_pem_private_key(content, password.encode() or None)
    except TypeError:
        if password:
            raise _unusable(where, "私钥没有密码,请删除 client_key_password", "the key has no password") from None
        en = "the key is encrypted: name its password in client_key_password"
        raise _unusable(where, "私钥已加密,请在 client_key_password 写明其密码的环境变量", en) from None
    except (ValueError, UnsupportedAlgorithm):
        zh, en = ",或密码不对" if password else "", ", or its password is another one" if password else ""
        raise _unusable(where, f"不是 PEM 私钥{zh}", f"holds no private key in PEM{en}") from None
    if key.public_key() != certificate.public_key():
        raise _unusable(where, "私钥与客户端证书不匹配", "the key is not that of the client certificate")
