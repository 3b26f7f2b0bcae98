-- migrate:up
-- Persons who refused a kind of message of a target. `address` is a keyed digest: no number or openid stands here.
CREATE TABLE notice_refusals (
    target text NOT NULL,
    address text NOT NULL,
    kind text NOT NULL,
    code text NOT NULL,
    since timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (target, address, kind)
);
-- When persons were sent something, for limits that the other side keeps in silence; kept for a day.
CREATE TABLE notice_sends (
    target text NOT NULL,
    address text NOT NULL,
    call text NOT NULL,
    sent_at timestamptz NOT NULL,
    PRIMARY KEY (target, address, call)
);
CREATE INDEX notice_sends_sent_at ON notice_sends (sent_at);

-- migrate:down
DROP TABLE notice_sends;
DROP TABLE notice_refusals;
