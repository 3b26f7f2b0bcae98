-- migrate:up

-- Which product and batch a ticket is about, and the tasks that are about one.
ALTER TABLE ticket_outcomes
    ADD COLUMN product text NOT NULL DEFAULT '',
    ADD COLUMN batch   text NOT NULL DEFAULT '';
ALTER TABLE insight_tasks
    ADD COLUMN product text NOT NULL DEFAULT '',
    ADD COLUMN batch   text NOT NULL DEFAULT '';

-- migrate:down

ALTER TABLE insight_tasks DROP COLUMN batch, DROP COLUMN product;
ALTER TABLE ticket_outcomes DROP COLUMN batch, DROP COLUMN product;
