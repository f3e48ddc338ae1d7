-- What a release rests on besides the law, and what it binds to afterwards. Envelopes are the exact
-- bytes that were signed; they prove the rows, never the other way round.

-- Changes whenever a ground may fall away: a withdrawal, or a change of somebody's roles.
INSERT INTO counter (name, value) VALUES ('grounds_revision', 0);

CREATE TABLE approval (
    number INTEGER PRIMARY KEY,
    subject TEXT NOT NULL,
    item INTEGER NOT NULL REFERENCES item (handle),
    recipient TEXT NOT NULL,
    treaty TEXT NOT NULL,
    article TEXT NOT NULL,
    purpose TEXT NOT NULL,
    threat_to_life INTEGER NOT NULL,
    user TEXT NOT NULL,
    at INTEGER NOT NULL,
    envelope BLOB NOT NULL,
    entry_index INTEGER NOT NULL REFERENCES ledger_entry (position),
    withdrawn INTEGER,
    withdrawn_by TEXT NOT NULL
);
-- One live word per person and subject.
CREATE UNIQUE INDEX approval_word ON approval (subject, user) WHERE withdrawn IS NULL;
CREATE INDEX approval_item ON approval (recipient, item) WHERE withdrawn IS NULL;

CREATE TABLE consent (
    number INTEGER PRIMARY KEY,
    digest TEXT NOT NULL UNIQUE,
    given INTEGER NOT NULL,
    originator TEXT NOT NULL,
    object_id TEXT NOT NULL,
    version TEXT NOT NULL,
    content_hash TEXT NOT NULL,
    recipient TEXT NOT NULL,
    treaty TEXT NOT NULL,
    purpose TEXT NOT NULL,
    user TEXT NOT NULL,
    at INTEGER NOT NULL,
    until INTEGER NOT NULL,
    envelope BLOB NOT NULL,
    entry_index INTEGER NOT NULL REFERENCES ledger_entry (position),
    withdrawn INTEGER,
    withdrawn_by TEXT NOT NULL
);
CREATE INDEX consent_use ON consent (recipient, treaty, purpose, until) WHERE withdrawn IS NULL;

-- One row for each batch, kind and side; a batch sent is numbered in our log, one received in its
-- sender's.
CREATE TABLE duty (
    number INTEGER PRIMARY KEY,
    kind TEXT NOT NULL,
    side TEXT NOT NULL,
    member TEXT NOT NULL,
    treaty TEXT NOT NULL,
    article TEXT NOT NULL,
    lane TEXT NOT NULL,
    lane_count INTEGER NOT NULL,
    entry_index INTEGER NOT NULL,
    items INTEGER NOT NULL,
    at INTEGER NOT NULL,
    due INTEGER NOT NULL,
    done INTEGER,
    done_by TEXT NOT NULL,
    reason TEXT NOT NULL,
    UNIQUE (side, member, entry_index, kind)
);
CREATE INDEX duty_open ON duty (due, number) WHERE done IS NULL;
CREATE INDEX duty_lane ON duty (side, member, lane, kind, lane_count) WHERE done IS NULL;
