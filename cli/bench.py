"""`darkroom bench`: the benchmarks, each of which ends with exit code 1 when it misses a bound."""

import typer

from benchmarks import freshness, ingest, processing, retention, warehouse

app = typer.Typer()

for _benchmark in (processing, warehouse, ingest, freshness, retention):
    app.command(_benchmark.__name__.rpartition(".")[2])(_benchmark.run)
