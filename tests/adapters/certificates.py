"""A private certificate authority for tests, with what it signs, as PEM files in a folder."""

import ssl
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

DAY = timedelta(days=1)
PASSWORD = "key-of-the-test"


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


@dataclass(frozen=True, kw_only=True)
class PrivateAuthority:
    """An authority of its own; `ca` is its certificate's file. `days`: how long it is valid, from so many days ago.

    `names`: hosts that its certificates are for, beside 127.0.0.1.
    """

    folder: Path
    name: str = "private-ca"
    days: tuple[int, int] = (-1, 1)
    names: tuple[str, ...] = ()
    key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))

    @property
    def ca(self) -> Path:
        """Write its own certificate."""
        return self._write(self.name, self._signed(self.name, self.key, self.days))

    def issue(self, name: str, days: tuple[int, int] = (-1, 1), *, password: str = "") -> tuple[Path, Path]:
        """Sign a certificate for 127.0.0.1; gives its file and its key's."""
        key = ec.generate_private_key(ec.SECP256R1())
        sealing = serialization.BestAvailableEncryption(password.encode()) if password else serialization.NoEncryption()
        secret = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption_algorithm=sealing
        )
        path = self.folder / f"{name}.key"
        path.write_bytes(secret)
        return self._write(name, self._signed(name, key, days)), path

    def server(self, *, demands_certificate: bool = False) -> ssl.SSLContext:
        """Give a server's context, with a certificate for 127.0.0.1."""
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(*self.issue("server"))
        if demands_certificate:
            context.verify_mode = ssl.CERT_REQUIRED
            context.load_verify_locations(self.ca)
        return context

    def _signed(self, name: str, key: ec.EllipticCurvePrivateKey, days: tuple[int, int]) -> x509.Certificate:
        now = datetime.now(UTC)
        return (
            x509.CertificateBuilder()
            .subject_name(_name(name))
            .issuer_name(_name(self.name))
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now + days[0] * DAY)
            .not_valid_after(now + days[1] * DAY)
            .add_extension(x509.BasicConstraints(ca=key is self.key, path_length=None), critical=True)
            .add_extension(x509.SubjectAlternativeName(self._hosts()), critical=False)
            .sign(self.key, hashes.SHA256())
        )

    def _hosts(self) -> list[x509.GeneralName]:
        return [x509.IPAddress(ip_address("127.0.0.1")), *map(x509.DNSName, self.names)]

    def _write(self, name: str, certificate: x509.Certificate) -> Path:
        path = self.folder / f"{name}.pem"
        path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        return path
