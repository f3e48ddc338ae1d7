-- Challenges and subject access.

-- A person's challenge, of this member or sent on by another; no name of the person stands anywhere:
-- reference is the local one of the case. wake is when the clock next has to look at it.
CREATE TABLE challenge (
    number INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    year INTEGER NOT NULL,
    sequence INTEGER NOT NULL,
    side TEXT NOT NULL,
    sender TEXT NOT NULL,
    treaty TEXT NOT NULL,
    reference TEXT NOT NULL,
    received INTEGER NOT NULL,
    received_year INTEGER NOT NULL,
    block_due INTEGER NOT NULL,
    decide_due INTEGER NOT NULL,
    opened INTEGER NOT NULL,
    opened_by TEXT NOT NULL,
    entry_index INTEGER NOT NULL REFERENCES ledger_entry (position),
    state TEXT NOT NULL,
    outcome TEXT NOT NULL,
    blocked INTEGER,
    decided INTEGER,
    decided_by TEXT NOT NULL,
    closed INTEGER,
    proposed TEXT NOT NULL,
    proposed_by TEXT NOT NULL,
    proposed_at INTEGER,
    done TEXT NOT NULL,
    wake INTEGER
);
CREATE INDEX challenge_wake ON challenge (wake, number) WHERE wake IS NOT NULL;
CREATE INDEX challenge_year ON challenge (received_year, number);
CREATE INDEX challenge_numbered ON challenge (side, year, sequence);

-- What people wrote of a case, in one row that can be erased; the case itself stays.
CREATE TABLE challenge_words (
    challenge INTEGER PRIMARY KEY REFERENCES challenge (number),
    intake TEXT NOT NULL,
    reason TEXT NOT NULL
);

-- HMACs of what the person gave, under the node's secret: whether the same person turned to us
-- before can be told by who has the secret and the value, and by nobody else.
CREATE TABLE challenge_mark (
    mark BLOB NOT NULL,
    kind TEXT NOT NULL,
    number INTEGER NOT NULL,
    PRIMARY KEY (mark, kind, number)
) WITHOUT ROWID;

-- The item versions a challenge concerns. blocking is 1 while the challenge keeps one blocked.
CREATE TABLE challenge_item (
    challenge INTEGER NOT NULL REFERENCES challenge (number),
    handle INTEGER NOT NULL REFERENCES item (handle),
    blocked INTEGER,
    blocking INTEGER NOT NULL,
    PRIMARY KEY (challenge, handle)
) WITHOUT ROWID;
CREATE INDEX challenge_item_blocking ON challenge_item (handle) WHERE blocking = 1;

-- Orders that carry a challenge out: those that block, and those of its outcome.
CREATE TABLE challenge_order (
    challenge INTEGER NOT NULL REFERENCES challenge (number),
    name TEXT NOT NULL,
    purpose TEXT NOT NULL,
    PRIMARY KEY (challenge, name)
) WITHOUT ROWID;

-- What was sent on to the originators of items concerned, and their word.
CREATE TABLE challenge_referral (
    challenge INTEGER NOT NULL REFERENCES challenge (number),
    member TEXT NOT NULL,
    sent INTEGER NOT NULL,
    items INTEGER NOT NULL,
    word TEXT NOT NULL,
    blocked INTEGER,
    answered INTEGER,
    PRIMARY KEY (challenge, member)
) WITHOUT ROWID;

-- A deadline that passed; never removed, closed by an officer with a reason.
CREATE TABLE challenge_breach (
    record INTEGER PRIMARY KEY,
    kind TEXT NOT NULL,
    number INTEGER NOT NULL,
    what TEXT NOT NULL,
    member TEXT NOT NULL,
    due INTEGER NOT NULL,
    noted INTEGER NOT NULL,
    entry_index INTEGER NOT NULL REFERENCES ledger_entry (position),
    made_good INTEGER,
    closed INTEGER,
    closed_by TEXT NOT NULL,
    reason TEXT NOT NULL,
    UNIQUE (kind, number, what, member)
);
CREATE INDEX challenge_breach_open ON challenge_breach (record) WHERE closed IS NULL;

-- A person's request to see what is held.
CREATE TABLE access_request (
    number INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    year INTEGER NOT NULL,
    sequence INTEGER NOT NULL,
    reference TEXT NOT NULL,
    received INTEGER NOT NULL,
    received_year INTEGER NOT NULL,
    due INTEGER NOT NULL,
    opened INTEGER NOT NULL,
    opened_by TEXT NOT NULL,
    entry_index INTEGER NOT NULL REFERENCES ledger_entry (position),
    state TEXT NOT NULL,
    ended INTEGER,
    ended_by TEXT NOT NULL,
    words TEXT NOT NULL,
    done TEXT NOT NULL,
    wake INTEGER
);
CREATE INDEX access_request_wake ON access_request (wake, number) WHERE wake IS NOT NULL;
CREATE INDEX access_request_year ON access_request (received_year, number);
CREATE INDEX access_request_numbered ON access_request (year, sequence);

-- Finds who made a disclosure by its recipient and log entry.
CREATE INDEX act_subject ON act (act, subject);
