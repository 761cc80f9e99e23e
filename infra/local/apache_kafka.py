"""Apache Kafka in the embedded broker's place: one KRaft node, on machines with Java and Maven.

Maven fetches the jars once; they are kept in the user's cache, for every state folder. Nothing else
here needs Java: `KAFKA=apache` asks for this broker.
"""

import hashlib
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock
from kafka import KafkaAdminClient
from kafka.errors import KafkaError

from assets.errors import StackError
from infra.local.server import Server
from infra.local.state import StateFolder

_POM = Path(__file__).parents[1] / "kafka" / "apache" / "pom.xml"
_CLUSTER = "ZGFya3Jvb20tbG9jYWwtMQ"  # "darkroom-local-1", 16 bytes in base64
_FETCH_SECONDS = 600
_MAX_MESSAGE_BYTES = 12 * 1024 * 1024


@dataclass(frozen=True)
class Listeners:
    """The ports of the node, all on 127.0.0.1.

    Attributes:
        advertised: Where clients are told to find it.
        controller: Where its own quorum of one meets.
    """

    broker: int
    advertised: int
    controller: int


def apache_kafka_server(state: StateFolder, listeners: Listeners) -> Server:
    """Describes the broker; `prepare_apache_kafka` must have been called before it starts."""
    return Server(
        name="kafka",
        title="Kafka (Apache)",
        argv=(*_java(), "kafka.Kafka", str(_properties(state))),
        port=listeners.broker,
        port_variable="KAFKA_PORT",
        more_ports={"KAFKA_CONTROLLER_PORT": listeners.controller},
        is_ready=lambda: _answers(listeners.broker),
        state=state,
        start_seconds=120,
    )


def prepare_apache_kafka(state: StateFolder, listeners: Listeners) -> None:
    """Fetches the jars at the first use, writes the settings, and formats an empty data folder.

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
    properties = _properties(state)
    properties.write_text(_settings(state, listeners))
    if not _data(state).joinpath("meta.properties").exists():
        storage_tool = ("kafka.tools.StorageTool", "format", "--cluster-id", _CLUSTER)
        _run([*_java(), *storage_tool, "--ignore-formatted", "--config", str(properties)])


def _fetch_jars() -> None:
    jars = _jars()
    if jars.exists():
        return
    jars.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(jars.with_suffix(".lock"), timeout=_FETCH_SECONDS):
        if jars.exists():
            return
        part = jars.with_suffix(".part")
        shutil.rmtree(part, ignore_errors=True)
        goal = ("dependency:copy-dependencies", "-DincludeScope=runtime")
        _run(["mvn", "-B", "-q", "-f", str(_POM), *goal, f"-DoutputDirectory={part}"])
        part.rename(jars)


def _run(command: list[str]) -> None:
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=_FETCH_SECONDS, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise StackError(
            f"`{Path(command[0]).name}` did not end within {_FETCH_SECONDS} s while it made "
            "Apache Kafka ready; look at the network, and try again."
        ) from error
    if done.returncode != 0:
        said = (done.stderr or done.stdout).strip().splitlines()[:1]
        raise StackError(
            f"Apache Kafka could not be made ready; `{Path(command[0]).name}` said: {said}"
        )


def _jars() -> Path:
    """Names the jars' folder after what is asked for: another version is another folder."""
    digest = hashlib.sha256(_POM.read_bytes()).hexdigest()[:12]
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


def _data(state: StateFolder) -> Path:
    return state.path("apache_kafka", "data")


def _settings(state: StateFolder, listeners: Listeners) -> str:
    """Returns the node's settings.

    It looks often for what expires, so that this can be watched, and believes soon that a killed
    node is gone: until then the one in its place has to wait.
    """
    settings = {
        "process.roles": "broker,controller",
        "node.id": 1,
        "controller.quorum.voters": f"1@127.0.0.1:{listeners.controller}",
        "controller.listener.names": "CONTROLLER",
        "listeners": (
            f"PLAINTEXT://127.0.0.1:{listeners.broker},"
            f"CONTROLLER://127.0.0.1:{listeners.controller}"
        ),
        "advertised.listeners": f"PLAINTEXT://127.0.0.1:{listeners.advertised}",
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "inter.broker.listener.name": "PLAINTEXT",
        "log.dirs": _data(state),
        "auto.create.topics.enable": "false",
        "message.max.bytes": _MAX_MESSAGE_BYTES,
        "replica.fetch.max.bytes": _MAX_MESSAGE_BYTES,
        "offsets.topic.num.partitions": 1,
        "offsets.topic.replication.factor": 1,
        "transaction.state.log.num.partitions": 1,
        "transaction.state.log.replication.factor": 1,
        "transaction.state.log.min.isr": 1,
        "share.coordinator.state.topic.replication.factor": 1,
        "share.coordinator.state.topic.min.isr": 1,
        "group.initial.rebalance.delay.ms": 0,
        "broker.heartbeat.interval.ms": 500,
        "broker.session.timeout.ms": 3_000,
        "log.initial.task.delay.ms": 5_000,
        "log.retention.check.interval.ms": 5_000,
        "log.cleaner.backoff.ms": 1_000,
    }
    return "".join(f"{name}={value}\n" for name, value in settings.items())


def _answers(port: int) -> bool:
    """Tells whether the broker answers clients; its port is open long before."""
    try:
        admin = KafkaAdminClient(bootstrap_servers=f"127.0.0.1:{port}", bootstrap_timeout_ms=2_000)
    except (KafkaError, OSError):
        return False
    admin.close()
    return True
