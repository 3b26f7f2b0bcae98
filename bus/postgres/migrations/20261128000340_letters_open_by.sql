-- migrate:up
-- Open letters are counted by what they came from every few seconds, from this index alone.
CREATE INDEX letters_open_by ON letters (origin, target) INCLUDE (died_at) WHERE state = 'open';

-- migrate:down
DROP INDEX letters_open_by;
