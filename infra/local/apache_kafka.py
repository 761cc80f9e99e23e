"""Apache Kafka in the embedded broker's place: one KRaft node, on machines with Java and Maven.

`KAFKA=apache` asks for it. Maven fetches the jars once; they are kept in the user's cache, for
every state folder.
"""

import hashlib
import shutil
from pathlib import Path
from string import Template

from filelock import FileLock
from kafka import KafkaAdminClient
from kafka.errors import KafkaError

from assets.errors import StackError
from infra.local.ports import Ports
from infra.local.server import Server
from infra.local.state import StateFolder
from infra.programs import run_program

_APACHE = Path(__file__).parents[1] / "kafka" / "apache"
_CLUSTER = "ZGFya3Jvb20tbG9jYWwtMQ"  # "darkroom-local-1", 16 bytes in base64
_FETCH_SECONDS = 600


def apache_kafka_server(state: StateFolder, listens: Ports) -> Server:
    """Describes the broker; `prepare_apache_kafka` must have been called before it starts."""
    return Server(
        name="kafka",
        title="Kafka (Apache)",
        argv=(*_java(), "kafka.Kafka", str(_properties(state))),
        ports={"KAFKA_PORT": listens.kafka, "KAFKA_CONTROLLER_PORT": listens.kafka_controller},
        is_ready=lambda: _answers(listens.kafka),
        state=state,
        start_seconds=120,
    )


def prepare_apache_kafka(state: StateFolder, listens: Ports, advertised: int) -> None:
    """Fetches the jars at the first use, writes the settings, and formats an empty data folder.

    Args:
        advertised: The port at which clients are told to find the broker.

    Raises `StackError` when Java or Maven is missing or fails.
    """
    missing = [program for program in ("java", "mvn") if shutil.which(program) is None]
    if missing:
        raise StackError(
            f"Apache Kafka needs Java 17 and Maven, and {' and '.join(missing)} cannot be found; "
            "install them (Debian: apt-get install openjdk-17-jre-headless maven), "
            "or leave KAFKA unset to use the broker that needs neither."
        )
    _fetch_jars()
    properties, data = _properties(state), state.path("apache_kafka", "data")
    template = Template(_APACHE.joinpath("server.properties").read_text())
    properties.write_text(
        template.substitute(
            broker=listens.kafka,
            controller=listens.kafka_controller,
            advertised=advertised,
            data=data,
        )
    )
    if not data.joinpath("meta.properties").exists():
        storage_tool = ("kafka.tools.StorageTool", "format", "--cluster-id", _CLUSTER)
        _run([*_java(), *storage_tool, "--ignore-formatted", "--config", str(properties)])


def _fetch_jars() -> None:
    jars = _jars()
    jars.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(jars.with_suffix(".lock"), timeout=_FETCH_SECONDS):
        if jars.exists():
            return
        part = jars.with_suffix(".part")
        shutil.rmtree(part, ignore_errors=True)
        goal = ("dependency:copy-dependencies", "-DincludeScope=runtime")
        pom = str(_APACHE / "pom.xml")
        _run(["mvn", "-B", "-q", "-f", pom, *goal, f"-DoutputDirectory={part}"])
        part.rename(jars)


def _run(command: list[str]) -> None:
    run_program(command, "Apache Kafka could not be made ready", seconds=_FETCH_SECONDS)


def _jars() -> Path:
    """Returns the jars' folder, named after the POM: another version is another folder."""
    digest = hashlib.sha256(_APACHE.joinpath("pom.xml").read_bytes()).hexdigest()[:12]
    return Path.home() / ".cache" / "darkroom" / f"apache-kafka-{digest}"


def _java() -> tuple[str, ...]:
    return (
        "java",
        "-Xmx512m",
        "-XX:+UseSerialGC",
        "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
        "-Dorg.slf4j.simpleLogger.showDateTime=true",
        "-Dorg.slf4j.simpleLogger.dateTimeFormat=yyyy-MM-dd'T'HH:mm:ssZ",
        *("-cp", f"{_jars()}/*"),
    )


def _properties(state: StateFolder) -> Path:
    return state.path("apache_kafka", "server.properties")


def _answers(port: int) -> bool:
    """Whether the broker answers clients; its port is open long before."""
    try:
        KafkaAdminClient(bootstrap_servers=f"127.0.0.1:{port}", bootstrap_timeout_ms=2_000).close()
    except (KafkaError, OSError):
        return False
    return True
