"""Prints as JSON how many writes DuckDB and DataFusion find in a recording's files, and how long all of them took."""

import json
import sys

import datafusion
import duckdb

directory = sys.argv[1]
totals = {}


def ask(engine, file, run, table):
    """The total, and by cause: the column `cause` is text, and `duration_nano` a number, without a word about types."""
    [total] = run(f"SELECT count(*) AS n, sum(duration_nano) AS nano FROM {table}")
    causes = run(f"SELECT cause, count(*) AS n, sum(duration_nano) AS nano FROM {table} GROUP BY cause")
    totals[f"{engine}: {file}"] = {
        "total": [int(number) for number in total],
        "causes": {cause: [int(count), int(nano)] for cause, count, nano in causes},
    }


def by_duckdb(query):
    return duckdb.sql(query).fetchall()


context = datafusion.SessionContext()


def by_datafusion(query):
    return [tuple(row.values()) for row in context.sql(query).to_pylist()]


context.register_parquet("parquet", f"{directory}/calls.parquet")
context.register_csv("csv", f"{directory}/calls.csv")
context.register_json("events", f"{directory}/events.jsonl", file_extension=".jsonl")

for file, table in [("calls.parquet", "parquet"), ("calls.csv", "csv"), ("events.jsonl", "events")]:
    ask("DuckDB", file, by_duckdb, f"'{directory}/{file}'")
    ask("DataFusion", file, by_datafusion, table)

print(json.dumps(totals))
