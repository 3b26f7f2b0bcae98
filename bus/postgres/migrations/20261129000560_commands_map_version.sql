-- migrate:up

-- Which version of its source's map made a command; none of what no map made, and of what came before this column.
ALTER TABLE commands ADD COLUMN map_version integer;

-- migrate:down

ALTER TABLE commands DROP COLUMN map_version;
