"""The embedded stack as one object: start, wait until ready, stop, environment.

A server whose address the environment already gives (`DATABASE_URL`, `AWS_ENDPOINT_URL`,
`KAFKA_BOOTSTRAP_SERVERS`) is an outside server: nothing embedded starts in its place.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path

from psycopg.conninfo import make_conninfo

from assets.access.drift import apply
from assets.access.policy import PolicyError, load_policy
from assets.errors import AccessError, StackError
from assets.resources.object_store import open_client
from assets.resources.warehouse import Warehouse
from assets.retention.signing import new_private_key
from assets.settings import Settings
from infra.kafka.topics import provision_topic
from infra.local.apache_kafka import apache_kafka_server, prepare_apache_kafka
from infra.local.dagster import PROJECT, code_server, daemon, prepare_dagster_home, web_server
from infra.local.dagster_api import cancel_runs, runs_in_flight
from infra.local.dbt import parse_dbt_project
from infra.local.edge import DAGSTER, edge_server
from infra.local.ports import Ports
from infra.local.postgres import SUPERUSER, make_data_folder, postgres_server
from infra.local.server import Server, check_ports
from infra.local.servers import kafka_server, object_store_server, upload_api_server
from infra.local.state import StateFolder
from infra.object_store.buckets import create_bucket, provision_buckets, put_policies
from infra.object_store.programs import ARCHIVE, KAFKA_BUCKET, OPERATOR, secret_variable
from infra.postgres import bootstrap
from infra.postgres.migrate import migrate, refuse_newer_tables

OUTSIDE_SERVERS = ("DATABASE_URL", "AWS_ENDPOINT_URL", "KAFKA_BOOTSTRAP_SERVERS")
"""Variables with the addresses of servers that are used in place of embedded ones."""

_DATABASE_VARIABLES = (
    *("DATABASE_URL", "DATABASE_ADMIN_URL", "DATABASE_UPLOADER_URL", "DAGSTER_DATABASE_URL"),
    *("DBT_HOST", "DBT_USER", "DBT_ENV_SECRET_PASSWORD", "ERASURE_KEY"),
)


_MIGRATOR_URL = "DATABASE_MIGRATOR_URL"


@dataclass(frozen=True)
class Stack:
    """The embedded servers over one state folder.

    Args:
        ports: Where the servers listen.
        outside: The environment to look for outside servers in.
        listens: Where the servers listen instead, if a proxy at `ports` forwards to them.
    """

    state: StateFolder
    ports: Ports = field(default_factory=Ports)
    outside: Mapping[str, str] = field(default_factory=dict, repr=False)
    say: Callable[[str], None] = lambda _: None
    listens: Ports | None = None

    @staticmethod
    def of_project(say: Callable[[str], None] = lambda _: None) -> Stack:
        """Returns the stack that commands work on: state in `.local`, the rest from environment.

        A variable that is empty counts as unset.

        Raises `StackError` when DARKROOM_STATE names a folder that holds something else.
        """
        given = {name: value for name, value in os.environ.items() if value}
        state = StateFolder(Path(given.get("DARKROOM_STATE", PROJECT / ".local")).resolve())
        state.require_ours()
        return Stack(state, Ports.from_environment(given), given, say)

    @cached_property
    def region(self) -> str:
        """The AWS region that the object store answers for."""
        return self.outside.get("AWS_DEFAULT_REGION", "eu-central-1")

    @cached_property
    def servers(self) -> tuple[Server, ...]:
        """The embedded servers in the order in which they start; no outside ones."""
        made: list[Server] = []
        if not self._is_database_outside:
            made.append(postgres_server(self.state, self._listens.postgres))
        if "AWS_ENDPOINT_URL" not in self.outside:
            made.append(
                object_store_server(self.state, self._listens.s3, self.region, self.outside)
            )
        if "KAFKA_BOOTSTRAP_SERVERS" not in self.outside:
            made.append(self._broker())
        return tuple(made)

    @cached_property
    def code_server(self) -> Server:
        """The process of Dagster that has loaded the code."""
        return code_server(self.state, self.environment())

    @cached_property
    def daemon(self) -> Server:
        """The process of Dagster that ticks and launches runs, which are its children."""
        return daemon(self.state, self.environment(), (*self.servers, self.code_server))

    @cached_property
    def web_server(self) -> Server:
        """The web server of Dagster, which also answers commands."""
        needs = (*self.servers, self.code_server)
        return web_server(self.state, self.ports.dagster, self.environment(), needs)

    @property
    def dagster(self) -> tuple[Server, ...]:
        """All processes of Dagster, in the order in which they start."""
        return self.code_server, self.daemon, self.web_server

    @cached_property
    def edge(self) -> Server:
        """The proxy before the web pages of all programs."""
        return edge_server(self.state, self.ports)

    @cached_property
    def upload_api(self) -> Server:
        """The upload API, which runs on top of database and object store."""
        return upload_api_server(self.state, self.ports, self.environment())

    @property
    def outside_servers(self) -> list[str]:
        """The variables that name outside servers."""
        return [name for name in OUTSIDE_SERVERS if name in self.outside]

    @property
    def programs(self) -> tuple[Server, ...]:
        """The platform's own programs, in the order in which they start over the servers."""
        return self.upload_api, *self.dagster, self.edge

    def environment(self) -> dict[str, str]:
        """Returns the variables that programs need to reach every server, embedded or outside.

        Raises `StackError` when an outside database is not described completely.
        """
        embedded = {
            "DAGSTER_HOME": str(self.state.path("dagster")),
            "LOGS_BUCKET": self.outside.get("LOGS_BUCKET", "darkroom-logs"),
            "LOGS_FOLDER": str(self.state.path("dagster", "compute_logs")),
            "DAGSTER_ALLOWED_HOSTS": self._allowed_hosts,
            "RECEIPT_SIGNING_KEY": self.outside.get(
                "RECEIPT_SIGNING_KEY", f"file:{self._signing_key}"
            ),
        }
        names, hidden = {server.name for server in self.servers}, {_MIGRATOR_URL}
        if "postgres" in names:
            embedded |= self._postgres_environment()
        if "object_store" in names:
            secrets = self.state.secrets().of_object_store
            embedded |= {
                "AWS_ENDPOINT_URL": f"http://127.0.0.1:{self.ports.s3}",
                "AWS_DEFAULT_REGION": self.region,
                "AWS_ACCESS_KEY_ID": OPERATOR,
                "AWS_SECRET_ACCESS_KEY": secrets[OPERATOR],
                "RECEIPTS_ACCESS_KEY_ID": ARCHIVE,
                "RECEIPTS_SECRET_ACCESS_KEY": secrets[ARCHIVE],
                **{secret_variable(program): secret for program, secret in secrets.items()},
            }
            if "UPLOAD_SIGNING_KEY" not in self.outside:
                embedded["UPLOAD_SIGNING_KEY"] = self.state.secrets().upload_signing_key
            hidden |= {"AWS_SESSION_TOKEN", "AWS_PROFILE"}  # a person's own, for real AWS
        if "kafka" in names:
            embedded["KAFKA_BOOTSTRAP_SERVERS"] = f"127.0.0.1:{self.ports.kafka}"
        both = {name: self.outside[name] for name in self.outside.keys() - hidden} | embedded
        if missing := ", ".join(name for name in _DATABASE_VARIABLES if name not in both):
            raise StackError(f"An outside database also needs {missing}; see .env.example.")
        return both

    def settings(self) -> Settings:
        """Returns the platform's settings, as programs started with `environment` see them."""
        return Settings.of(self.environment())

    def prepare(self, *programs: Server) -> None:
        """Marks the state folder and checks every port, also of `programs`, before anything starts.

        Raises `StackError` when the folder is not the platform's, or a port is taken.
        """
        self.state.mark()
        check_ports((*self.servers, *programs))

    def start(self) -> None:
        """Starts the servers and brings database, buckets and topic to what the platform expects.

        Raises `StackError` with what to do when that cannot be done.
        """
        self.prepare()
        with self.state.lock():
            for server in self.servers:
                self._start(server)
            self._provision()

    def provision_object_store(self) -> list[str]:
        """Creates the buckets, the queue and their settings; returns what was not as it should be.

        Clients raise their own errors when the store does not answer or refuses.
        """
        settings = self.settings()
        s3, sqs = open_client("s3", settings), open_client("sqs", settings)
        changed = provision_buckets(s3, sqs, settings)
        if "AWS_ENDPOINT_URL" not in self.outside:
            put_policies(s3, settings)
        return changed

    def start_database(self) -> None:
        """Starts and provisions the database alone, as `start` does with everything."""
        self.state.mark()
        with self.state.lock():
            for server in self.servers:
                if server.name == "postgres":
                    self._start(server)
            self._provision_database()

    def start_programs(self) -> None:
        """Starts all programs of the platform over the running servers."""
        self.start_upload_api()
        self.start_dagster()
        self.start_edge()

    def start_upload_api(self) -> None:
        """Starts the upload API over the running servers."""
        with self.state.lock():
            self._start(self.upload_api)

    def start_dagster(self) -> None:
        """Starts Dagster over the running servers."""
        with self.state.lock():
            if not self.code_server.is_running:
                self.say("dbt: reading the project")
                parse_dbt_project(self.environment())
            if self.daemon.process() is None:
                self.daemon.stop()  # ends runs that it left behind
                prepare_dagster_home(self.state, self.environment())
            for server in self.dagster:
                self._start(server)

    def start_edge(self) -> None:
        """Starts the proxy before the programs."""
        with self.state.lock():
            self._start(self.edge)

    def stop(self) -> None:
        """Stops everything that runs, last started first."""
        with self.state.lock():
            if self.web_server.process() is not None and runs_in_flight(self.ports.dagster):
                self.say("canceling runs in flight")
                cancel_runs(self.ports.dagster)
            for server in reversed((*self.servers, *self.programs)):
                if server.is_recorded():
                    self.say(f"stopping {server.title}")
                    server.stop()

    def superuser_conninfo(self, database: str = "postgres") -> str:
        """Returns the superuser's connection to a database of the embedded server."""
        return make_conninfo(
            host="127.0.0.1",
            port=self.ports.postgres,
            user=SUPERUSER,
            password=self.state.secrets().postgres_superuser,
            dbname=database,
        )

    @contextmanager
    def migrator(self) -> Iterator[str]:
        """Yields a connection that acts as the owner of the warehouse, which nobody else can.

        On the embedded database the role can log in during the block only.

        Raises `StackError` when an outside database's migrator is not given.
        """
        if self._is_database_outside:
            yield bootstrap.as_owner(self.granting_conninfo())
        else:
            with bootstrap.migrator(self.superuser_conninfo()) as conninfo:
                yield conninfo

    def granting_conninfo(self) -> str:
        """Returns the connection that may grant everything: the superuser's, or the migrator's.

        Raises `StackError` when an outside database's migrator is not given.
        """
        if not self._is_database_outside:
            return self.superuser_conninfo(bootstrap.WAREHOUSE)
        if _MIGRATOR_URL not in self.outside:
            raise StackError(
                f"The owner's rights are needed: set {_MIGRATOR_URL} for this command, to the "
                "connection of darkroom_migrator; see docs/operations.md."
            )
        return self.outside[_MIGRATOR_URL]

    @property
    def _is_database_outside(self) -> bool:
        return "DATABASE_URL" in self.outside

    @property
    def _allowed_hosts(self) -> str:
        """The hosts for which Dagster's web server answers: at the edge, and outside ones."""
        given = self.outside.get("DAGSTER_ALLOWED_HOSTS")
        return ",".join(filter(None, (f"{DAGSTER}:{self.ports.edge}", given)))

    @property
    def _signing_key(self) -> Path:
        """The file with the private key that signs receipts, unless another one is configured."""
        return self.state.path("receipts.pem")

    @property
    def _listens(self) -> Ports:
        return self.listens or self.ports

    @property
    def _is_kafka_apache(self) -> bool:
        asked_for = self.outside.get("KAFKA", "tansu")
        if asked_for not in {"tansu", "apache"}:
            raise StackError(f"KAFKA is “{asked_for}”; it can be tansu (as if unset) or apache.")
        return asked_for == "apache"

    def _broker(self) -> Server:
        if self._is_kafka_apache:
            return apache_kafka_server(self.state, self._listens)
        if "AWS_ENDPOINT_URL" in self.outside:
            raise StackError(
                "The embedded Kafka keeps its topics in the embedded S3: "
                "set KAFKA_BOOTSTRAP_SERVERS as well, or leave AWS_ENDPOINT_URL unset."
            )
        listens, s3_url = self._listens, f"http://127.0.0.1:{self._listens.s3}"
        return kafka_server(self.state, listens.kafka, self.ports.kafka, s3_url, self.region)

    def _start(self, server: Server) -> None:
        if not server.is_running:
            self.say(server.title)
        if server.name == "postgres":
            make_data_folder(self.state)
        if server.name == "kafka" and self._is_kafka_apache:
            prepare_apache_kafka(self.state, self._listens, self.ports.kafka)
        elif server.name == "kafka":
            create_bucket(open_client("s3", self.settings()), KAFKA_BUCKET)
        server.start()

    def _provision(self) -> None:
        self._provision_database()
        env, settings = self.environment(), self.settings()
        if not self._signing_key.exists():
            self.state.write_private(self._signing_key, new_private_key())
        self.say("buckets and queue")
        self.provision_object_store()
        self.say("topic")
        provision_topic(settings)
        own = sorted(env.keys() - self.outside.keys())
        lines = "".join(f"{name}={shlex.quote(env[name])}\n" for name in own)
        self.state.write_private(self.state.path("env"), lines)

    def _provision_database(self) -> None:
        if not self._is_database_outside:
            if bootstrap.has_warehouse(self.superuser_conninfo()):
                refuse_newer_tables(self.superuser_conninfo(bootstrap.WAREHOUSE))
            self.say("roles, databases and schemas")
            known = asdict(self.state.secrets())
            passwords = {role: known[role] for role in bootstrap.PROGRAMS}
            bootstrap.bootstrap(self.superuser_conninfo(), passwords)
        elif _MIGRATOR_URL not in self.outside:
            self.say(f"tables and grants stay as they are: {_MIGRATOR_URL} is not set")
            with Warehouse.from_settings(self.settings()).connect():
                return  # its tables are of this version
        self.say("tables")
        with self.migrator() as conninfo:
            migrate(conninfo)
        self.say("grants")
        try:
            apply(self.granting_conninfo(), load_policy())  # too much is for the check to report
        except (PolicyError, AccessError) as error:
            raise StackError(str(error)) from error

    def _postgres_environment(self) -> dict[str, str]:
        known = asdict(self.state.secrets())

        def url(role: str, database: str) -> str:
            return f"postgresql://{role}:{known[role]}@127.0.0.1:{self.ports.postgres}/{database}"

        return {
            "DATABASE_URL": url(bootstrap.LOADER, bootstrap.WAREHOUSE),
            "DATABASE_ADMIN_URL": url(bootstrap.ADMIN, bootstrap.WAREHOUSE),
            "DATABASE_UPLOADER_URL": url(bootstrap.UPLOADER, bootstrap.WAREHOUSE),
            "DAGSTER_DATABASE_URL": url(bootstrap.DAGSTER, bootstrap.DAGSTER_STORAGE),
            "DBT_HOST": "127.0.0.1",
            "DBT_PORT": str(self.ports.postgres),
            "DBT_USER": bootstrap.BUILDER,
            "DBT_DBNAME": bootstrap.WAREHOUSE,
            "DBT_ENV_SECRET_PASSWORD": known[bootstrap.BUILDER],
            "ERASURE_KEY": self.outside.get("ERASURE_KEY", known["erasure_key"]),
        }
