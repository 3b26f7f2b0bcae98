"""The resolver behind the jars, and `python -m bus.local.maven`, which makes the lock file anew."""

import contextlib
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from jgo.maven import MavenContext, PythonResolver

from bus.local.hashes import folder_sha256, sha256_of
from bus.local.jar_lock import LOCK_FILE, Archive, unpack

KAFKA: Final = ("org.apache.kafka", "kafka_2.13", "4.4.0")
KAFKA_LOGGING: Final = ("org.apache.logging.log4j", "log4j-slf4j-impl", "2.25.5")
REGISTRY: Final = ("io.apicurio", "apicurio-registry-app", "3.3.3")
_TIMEOUT_S: Final = 60
_HEADER: Final = """\
# The Java archives of the local stack, made by `python -m bus.local.maven`: do not edit.
# part group:artifact:packaging:classifier:version bytes sha256 [sha256 of all files in it]
"""


def resolve(archive: Archive, directory: Path, progress: Callable[[int], None]) -> Path:
    """Fetch this one file, nothing that it depends on, into `directory`."""

    @contextlib.contextmanager
    def report(_filename: str, _total: int) -> Iterator[Callable[[int], None]]:
        yield progress

    context = MavenContext(resolver=PythonResolver(progress_callback=report), repo_cache=directory, timeout=_TIMEOUT_S)
    component = context.project(archive.group, archive.artifact).at_version(archive.version)
    return component.artifact(archive.classifier, archive.packaging).resolve()


def relock(path: Path = LOCK_FILE) -> None:
    """Resolve the parts' dependencies and write the lock file. Downloads everything; blocks for a minute."""
    with tempfile.TemporaryDirectory(prefix="relock-") as directory:
        context = MavenContext(repo_cache=Path(directory), timeout=_TIMEOUT_S)
        # Two resolutions: in one, the logging's bill of materials drags kafka-clients down to 3.9 and the broker dies.
        kafka = _closure(context, KAFKA)
        known = {(each.group, each.artifact) for each in kafka}
        logging = [each for each in _closure(context, KAFKA_LOGGING) if (each.group, each.artifact) not in known]
        registry = _locked(context, "registry", REGISTRY, classifier="all", packaging="tar.gz")
    archives = [*sorted([*kafka, *logging], key=lambda each: (each.group, each.artifact)), registry]
    path.write_text(_HEADER + "".join(each.line() + "\n" for each in archives))


def _closure(context: MavenContext, root: tuple[str, str, str]) -> list[Archive]:
    dependency = context.create_dependency(":".join(root))
    _, needed = context.resolver.resolve([dependency])
    wanted = [each for each in needed if each.scope in {"compile", "runtime"} and each.type == "jar"]
    return [
        _locked(context, "kafka", root),
        *(
            _locked(context, "kafka", (each.groupId, each.artifactId, each.version), classifier=each.classifier)
            for each in wanted
        ),
    ]


def _locked(
    context: MavenContext, part: str, at: tuple[str, str, str], *, classifier: str = "", packaging: str = "jar"
) -> Archive:
    group, artifact, version = at
    path = context.project(group, artifact).at_version(version).artifact(classifier, packaging).resolve()
    (digest,) = sha256_of([path])
    assert digest is not None, "it was just fetched"
    unpacked = ""
    if packaging == "tar.gz":
        with tempfile.TemporaryDirectory(prefix="relock-") as directory:
            unpack(path, Path(directory))
            unpacked = folder_sha256(Path(directory))
    return Archive(
        part=part, group=group, artifact=artifact, version=version, classifier=classifier, packaging=packaging,
        size=path.stat().st_size, sha256=digest, unpacked=unpacked,
    )  # fmt: skip


if __name__ == "__main__":
    relock()
