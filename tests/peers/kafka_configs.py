"""Kafka's tool for users, kafka-configs.sh, in so far as docs/securing.md calls it: its jar is not among ours."""

import argparse
import sys
from pathlib import Path

from kafka.admin import KafkaAdminClient, ScramMechanism, UserScramCredentialDeletion, UserScramCredentialUpsertion


def main(arguments: list[str]) -> None:
    """Set or delete one user's password for one mechanism."""
    parser = argparse.ArgumentParser()
    for name in ("bootstrap-server", "command-config", "entity-type", "entity-name"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--add-config-file")
    parser.add_argument("--delete-config")
    parser.add_argument("--alter", action="store_true", required=True)
    given = parser.parse_args(arguments)
    assert given.entity_type == "users"
    broker = properties(given.command_config)
    client = KafkaAdminClient(
        bootstrap_servers=given.bootstrap_server,
        security_protocol=broker["security.protocol"],
        ssl_cafile=broker["ssl.truststore.location"],
        ssl_certfile=broker["ssl.keystore.location"],
    )
    if given.delete_config:
        change = UserScramCredentialDeletion(given.entity_name, ScramMechanism[given.delete_config.replace("-", "_")])
    else:
        ((mechanism, value),) = properties(given.add_config_file).items()
        password = value.removeprefix("password=")
        change = UserScramCredentialUpsertion(given.entity_name, ScramMechanism[mechanism.replace("-", "_")], password)
    client.alter_user_scram_credentials([change])
    client.close()


def properties(path: str) -> dict[str, str]:
    """Read a file of properties."""
    lines = (line.strip() for line in Path(path).read_text(encoding="utf-8").splitlines())
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


if __name__ == "__main__":
    main(sys.argv[1:])
