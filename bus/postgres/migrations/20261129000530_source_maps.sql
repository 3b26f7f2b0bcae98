-- migrate:up

-- Maps by which sources are plugged in. Rows are only added; of each source the newest version is in force.
-- `content` is the YAML as it was applied, null where the source was taken off; `copy_of` the version that a rollback took.
CREATE TABLE source_maps (
    source text NOT NULL,
    version integer NOT NULL CHECK (version > 0),
    content text,
    made_by text NOT NULL,
    reason text NOT NULL,
    made_at timestamptz NOT NULL DEFAULT now(),
    copy_of integer,
    PRIMARY KEY (source, version)
);

-- migrate:down

DROP TABLE source_maps;
