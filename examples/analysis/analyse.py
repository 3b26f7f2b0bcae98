"""Three questions to an export, by DuckDB: time to assign by region, reopened tickets, broken promises a week.

pip install -r requirements.txt, which is duckdb; then python analyse.py events.jsonl
"""

import sys

import duckdb

# An export is lines of JSON, as `ticketbus subscribe ticket.events --until-now --json` prints them.
EVENTS = """
CREATE VIEW events AS SELECT DISTINCT ON (ticket_id, version)
    data->>'ticket_id' AS ticket_id, ticket_version AS version, ce->>'type' AS type,
    (ce->>'time')::TIMESTAMPTZ AS happened_at, data->>'region' AS region, data->>'clock' AS clock
FROM read_json($file, format = 'newline_delimited',
    columns = {ce: 'JSON', ticket_version: 'INTEGER', data: 'JSON'})"""
QUESTIONS = {
    "指派用时 / time to assign, by region": """
        SELECT o.region, count(*) AS tickets,
            round(median(epoch(a.assigned_at) - epoch(o.happened_at)) / 60, 1) AS median_minutes,
            round(quantile_cont(epoch(a.assigned_at) - epoch(o.happened_at), 0.95) / 60, 1) AS p95_minutes
        FROM events o JOIN (
            SELECT ticket_id, min(happened_at) AS assigned_at FROM events
            WHERE type = 'ticket.assigned.v1' GROUP BY ticket_id
        ) a USING (ticket_id)
        WHERE o.type = 'ticket.opened.v1' GROUP BY o.region ORDER BY tickets DESC, o.region""",
    "重开率 / rate of resolved tickets that were opened again": """
        SELECT count(*) AS resolved, count(*) FILTER (WHERE again) AS reopened,
            round(100.0 * count(*) FILTER (WHERE again) / nullif(count(*), 0), 1) AS percent
        FROM (
            SELECT ticket_id, bool_or(type IN ('ticket.reopened.v1', 'closure.rejected.v1')) AS again
            FROM events GROUP BY ticket_id HAVING bool_or(type = 'ticket.resolved.v1')
        )""",
    "每周 SLA 超时 / broken promises a week, withdrawn ones left out": """
        SELECT strftime(date_trunc('week', happened_at AT TIME ZONE 'Asia/Shanghai'), '%Y-%m-%d') AS week, clock,
            count(*) FILTER (WHERE type = 'sla.breached.v1')
                - count(*) FILTER (WHERE type = 'sla.breach.withdrawn.v1') AS breaches
        FROM events WHERE type IN ('sla.breached.v1', 'sla.breach.withdrawn.v1')
        GROUP BY week, clock ORDER BY week, clock""",
}


def main(file: str) -> None:
    """Print each question with its answer as a table."""
    with duckdb.connect() as db:
        db.execute(EVENTS.replace("$file", "'" + file.replace("'", "''") + "'"))
        for question, sql in QUESTIONS.items():
            print(question)
            print(db.sql(sql))


if __name__ == "__main__":
    main(sys.argv[1])
