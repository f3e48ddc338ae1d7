-- Subscriptions of own tools, what happened that they asked for, and what was sent of it. The secret
-- of a subscription follows from its salt and a key that stands in no database.

CREATE TABLE webhook (
    number bigint PRIMARY KEY DEFAULT next_number('webhook', 'number'),
    url text COLLATE "C" NOT NULL,
    events text COLLATE "C" NOT NULL,
    salt bytea NOT NULL,
    private bigint NOT NULL,
    created bigint NOT NULL,
    created_by text COLLATE "C" NOT NULL,
    ended bigint,
    failures bigint NOT NULL DEFAULT 0,
    rests_until bigint NOT NULL DEFAULT 0,
    waiting bigint NOT NULL DEFAULT 0,
    lost bigint NOT NULL DEFAULT 0
);

CREATE TABLE webhook_event (
    number bigint PRIMARY KEY DEFAULT next_number('webhook_event', 'number'),
    kind text COLLATE "C" NOT NULL,
    at bigint NOT NULL,
    data bytea NOT NULL
);

CREATE TABLE webhook_message (
    webhook bigint NOT NULL REFERENCES webhook (number) DEFERRABLE,
    event bigint NOT NULL REFERENCES webhook_event (number) DEFERRABLE,
    state text COLLATE "C" NOT NULL,
    due bigint NOT NULL,
    attempts bigint NOT NULL DEFAULT 0,
    tried bigint,
    answer text COLLATE "C" NOT NULL DEFAULT '',
    PRIMARY KEY (webhook, event)
);
CREATE INDEX webhook_message_due ON webhook_message (webhook, state, due, event);
CREATE INDEX webhook_message_event ON webhook_message (event);
