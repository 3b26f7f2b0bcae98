-- migrate:up

-- The dispatcher's board (R11): in which of its columns a ticket stands and since when, as the state spells times: in
-- UTC, so that sorted as text they are sorted by time to the second. Null: the imported past, and virtual tickets.
-- Columns, and no index over the state: most changes of a ticket leave them as they are, so that they touch no index.
-- Both at once: each rewrites the table.
ALTER TABLE ticket_states
    ADD COLUMN board_state text GENERATED ALWAYS AS (
        CASE WHEN ticket_id NOT LIKE 'V%' AND state ->> 'historic' = 'false' THEN state ->> 'state' END) STORED,
    ADD COLUMN board_since text COLLATE "C" GENERATED ALWAYS AS (
        CASE WHEN state ->> 'state' = 'closed' THEN state ->> 'closed_at'
             ELSE coalesce(state ->> 'state_since', state ->> 'opened_at') END) STORED;
CREATE INDEX ticket_states_board ON ticket_states (board_state, board_since, ticket_id) WHERE board_state IS NOT NULL;

-- migrate:down

DROP INDEX ticket_states_board;
ALTER TABLE ticket_states DROP COLUMN board_since, DROP COLUMN board_state;
