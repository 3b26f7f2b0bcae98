-- migrate:up

-- Who read the personal data of whom in clear; of the person only a masked phone. Kept for ever.
CREATE TABLE privacy_reads (
    id             bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    read_at        timestamptz NOT NULL,
    read_by        text        NOT NULL,
    phone_masked   text        NOT NULL, -- 138****0001
    tickets        integer     NOT NULL,
    letters        integer     NOT NULL,
    refused_inputs integer     NOT NULL
);

-- migrate:down

DROP TABLE privacy_reads;
