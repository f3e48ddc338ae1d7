-- Subscriptions of own tools, what happened that they asked for, and what was sent of it. The secret
-- of a subscription follows from its salt and a key that stands in no database.

CREATE TABLE webhook (
    number INTEGER PRIMARY KEY,
    url TEXT NOT NULL,
    events TEXT NOT NULL,
    salt BLOB NOT NULL,
    private INTEGER NOT NULL,
    created INTEGER NOT NULL,
    created_by TEXT NOT NULL,
    ended INTEGER,
    failures INTEGER NOT NULL DEFAULT 0,
    rests_until INTEGER NOT NULL DEFAULT 0,
    waiting INTEGER NOT NULL DEFAULT 0,
    lost INTEGER NOT NULL DEFAULT 0
);

CREATE TABLE webhook_event (
    number INTEGER PRIMARY KEY,
    kind TEXT NOT NULL,
    at INTEGER NOT NULL,
    data BLOB NOT NULL
);

CREATE TABLE webhook_message (
    webhook INTEGER NOT NULL REFERENCES webhook (number),
    event INTEGER NOT NULL REFERENCES webhook_event (number),
    state TEXT NOT NULL,
    due INTEGER NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    tried INTEGER,
    answer TEXT NOT NULL DEFAULT '',
    PRIMARY KEY (webhook, event)
) WITHOUT ROWID;
CREATE INDEX webhook_message_due ON webhook_message (webhook, state, due, event);
CREATE INDEX webhook_message_event ON webhook_message (event);
