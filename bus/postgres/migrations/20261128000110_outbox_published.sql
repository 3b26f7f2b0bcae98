-- migrate:up
-- What was published on topics for subscribers is deleted after a while; the rows of the log's own topic stay.
CREATE INDEX outbox_published ON outbox (published_at) WHERE topic <> 'ticket.events' AND published_at IS NOT NULL;

-- migrate:down
DROP INDEX outbox_published;
