"""Made-up signing keys, and what tests spell with them."""

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from bus.audit.checkpoint import SigningKey

ORIGIN = "bus.example/audit"


def made_up_key(seed: int = 1, name: str = ORIGIN) -> SigningKey:
    """Make the key of a seed."""
    return SigningKey(name=name, key=Ed25519PrivateKey.from_private_bytes(bytes([seed]) * 32))


def pem_of(key: SigningKey) -> str:
    """Spell a key as its setting has it."""
    return key.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
