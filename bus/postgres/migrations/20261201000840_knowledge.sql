-- migrate:up

-- The knowledge pool (R21): what closed tickets teach. `terms` is what an article is found by, without personal data.
CREATE SEQUENCE knowledge_numbers;
CREATE TABLE knowledge_articles (
    number     bigint      PRIMARY KEY,
    ticket_id  text        NOT NULL UNIQUE, -- whose closure taught it
    version    integer     NOT NULL,
    state      text        NOT NULL,
    article    jsonb       NOT NULL,        -- an Article
    terms      tsvector    NOT NULL,
    drafted_at timestamptz NOT NULL,
    filed_at   timestamptz,                 -- the last time
    changed_at timestamptz NOT NULL,
    changed_by text        NOT NULL
);
CREATE INDEX knowledge_articles_terms ON knowledge_articles USING gin (terms) WITH (fastupdate = off)
    WHERE state = 'filed';
CREATE INDEX knowledge_articles_drafts ON knowledge_articles (drafted_at) WHERE state = 'draft';

-- Each version as it was, who made it and why; nothing of it is ever changed.
CREATE TABLE knowledge_versions (
    number     bigint      NOT NULL,
    version    integer     NOT NULL,
    change     text        NOT NULL,
    article    jsonb       NOT NULL,
    changed_by text        NOT NULL,
    why        text        NOT NULL,
    changed_at timestamptz NOT NULL,
    PRIMARY KEY (number, version)
);

-- In how many filed articles a term stands: a search begins at its rarest terms.
CREATE TABLE knowledge_terms (
    term     text    COLLATE "C" PRIMARY KEY,
    articles integer NOT NULL
) WITH (fillfactor = 70);

-- Since when closures make drafts by themselves: what was closed before comes in by a command alone.
CREATE TABLE knowledge_pool (began_at timestamptz NOT NULL DEFAULT now());
INSERT INTO knowledge_pool DEFAULT VALUES;

-- Which articles a ticket's solution links.
ALTER TABLE ticket_outcomes ADD COLUMN knowledge text[] NOT NULL DEFAULT '{}';
CREATE INDEX ticket_outcomes_knowledge ON ticket_outcomes USING gin (knowledge) WHERE knowledge <> '{}';

-- migrate:down

DROP INDEX ticket_outcomes_knowledge;
ALTER TABLE ticket_outcomes DROP COLUMN knowledge;
DROP TABLE knowledge_pool;
DROP TABLE knowledge_terms;
DROP TABLE knowledge_versions;
DROP TABLE knowledge_articles;
DROP SEQUENCE knowledge_numbers;
DELETE FROM stage_offsets WHERE handler = 'knowledge';
DELETE FROM stage_batches WHERE handler = 'knowledge';
