"""Tickets per customer and month (R34): customers who open many, since a fault is split or never solved."""

from typing import Final

from bus.domain.text import Text
from bus.insight.metric import Metric

CUSTOMER_TICKETS: Final = Metric(
    name="customer-tickets",
    row="R34",
    title=Text("同一客户多单", "Many tickets of one customer"),
    definition=Text(
        "该期间报修且客户(电话,或来源的客户编号)已知的工单中,同一客户在该期间有 4 单及以上的比例;客户未知的不计",
        "of the tickets opened whose customer is known by phone or by the source's own number of them, those of "
        "customers with four or more within that time; without a customer it is left out",
    ),
    causes=Text("按该客户的工单数", "by how many tickets the customer has"),
    cases="""
WITH opened AS MATERIALIZED (
    SELECT ticket_id FROM ticket_outcomes WHERE opened_at >= %(since)s AND opened_at < %(until)s
), counted AS MATERIALIZED (
    SELECT ticket_id, count(*) OVER (PARTITION BY phone) AS tickets FROM ticket_phones JOIN opened USING (ticket_id)
), most AS (SELECT ticket_id, max(tickets) AS tickets FROM counted GROUP BY ticket_id)
SELECT o.ticket_id AS subject, coalesce(m.tickets::text, '') AS cause, 1 AS units,
    coalesce(m.tickets >= 4, false)::int AS hits, m.ticket_id IS NOT NULL AS known
FROM opened o LEFT JOIN most m USING (ticket_id)""",
)
