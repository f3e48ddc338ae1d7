-- Times are whole microseconds since 1970-01-01T00:00:00Z. Nothing here names another program's
-- table; positions, numbers and added instants are given by the one writer inside its transaction.

CREATE TABLE node (
    only_row INTEGER PRIMARY KEY CHECK (only_row = 1),
    member TEXT NOT NULL
);

CREATE TABLE counter (
    name TEXT PRIMARY KEY,
    value INTEGER NOT NULL
) WITHOUT ROWID;
INSERT INTO counter (name, value) VALUES ('last_added', 0), ('law_revision', 0);

CREATE TABLE number_sequence (
    year INTEGER PRIMARY KEY,
    last INTEGER NOT NULL
);

-- Items ---------------------------------------------------------------------------------------

CREATE TABLE terms (
    terms INTEGER PRIMARY KEY,
    terms_id TEXT NOT NULL UNIQUE,
    raw BLOB NOT NULL
);

CREATE TABLE source (
    handle INTEGER PRIMARY KEY,
    sha256 TEXT NOT NULL,
    name TEXT NOT NULL,
    format TEXT NOT NULL,
    at INTEGER NOT NULL,
    given_by TEXT NOT NULL,
    read INTEGER NOT NULL,
    taken INTEGER NOT NULL,
    duplicates INTEGER NOT NULL,
    added INTEGER NOT NULL,
    refused TEXT NOT NULL,
    report TEXT
);

CREATE TABLE item (
    handle INTEGER PRIMARY KEY,
    originator TEXT NOT NULL,
    object_id TEXT NOT NULL,
    version TEXT NOT NULL,
    type TEXT NOT NULL,
    state TEXT NOT NULL,
    number_year INTEGER,
    number_sequence INTEGER,
    terms INTEGER REFERENCES terms (terms),
    content_hash BLOB NOT NULL,
    modified INTEGER,
    received_from TEXT,
    received_under TEXT,
    source INTEGER REFERENCES source (handle),
    title TEXT NOT NULL,
    variant_of INTEGER REFERENCES item (handle),
    added INTEGER NOT NULL
);
CREATE UNIQUE INDEX item_key ON item (object_id, originator, version);
CREATE UNIQUE INDEX item_added ON item (added);
-- Carries what listings filter by, so that rows left out cost no look-up in the table.
CREATE INDEX item_listing ON item (state, added, type, originator, received_from, source);
CREATE INDEX item_number ON item (number_year, number_sequence) WHERE number_year IS NOT NULL;
CREATE INDEX item_source ON item (source) WHERE source IS NOT NULL;
CREATE INDEX item_variant ON item (variant_of) WHERE variant_of IS NOT NULL;

-- The one visibility filter: lists, searches, postings and tools all read through it.
CREATE VIEW visible_item AS SELECT * FROM item WHERE state = 'held';

-- Bytes stand apart so that scans of items stay short.
CREATE TABLE item_bytes (
    handle INTEGER PRIMARY KEY REFERENCES item (handle),
    raw BLOB NOT NULL
);

-- The row id is the item's added instant, so that a search streams in the order it pages by. Drafts
-- have an index of their own, small enough to be rewritten whole when one of them is erased.
CREATE VIRTUAL TABLE item_text USING fts5 (
    title, text, columnsize = 0, tokenize = 'unicode61 remove_diacritics 2'
);
CREATE VIRTUAL TABLE draft_text USING fts5 (
    title, text, columnsize = 0, tokenize = 'unicode61 remove_diacritics 2'
);

-- The hash is an index only: two selectors may share one, and the value decides.
CREATE TABLE selector (
    selector INTEGER PRIMARY KEY,
    hash INTEGER NOT NULL,
    kind TEXT NOT NULL,
    value TEXT NOT NULL
);
CREATE INDEX selector_hash ON selector (hash);

-- hidden is 0 for the items of visible_item and 1 for all others, so that a look-up reads one range.
CREATE TABLE posting (
    selector INTEGER NOT NULL,
    hidden INTEGER NOT NULL,
    handle INTEGER NOT NULL,
    PRIMARY KEY (selector, hidden, handle)
) WITHOUT ROWID;
CREATE INDEX posting_item ON posting (handle);

-- Law and peers -------------------------------------------------------------------------------

CREATE TABLE treaty (
    treaty TEXT PRIMARY KEY,
    raw BLOB NOT NULL,
    at INTEGER NOT NULL
);

CREATE TABLE instrument (
    object_id TEXT PRIMARY KEY,
    raw BLOB NOT NULL,
    member TEXT NOT NULL,
    treaty TEXT,
    at INTEGER NOT NULL
);

CREATE TABLE peer (
    member TEXT PRIMARY KEY,
    credence BLOB NOT NULL,
    accepted_at INTEGER NOT NULL,
    accepted_by TEXT NOT NULL,
    heard INTEGER,
    checkpoint BLOB
);

CREATE TABLE peer_head (
    member TEXT NOT NULL REFERENCES peer (member),
    lane TEXT NOT NULL,
    count INTEGER NOT NULL,
    digest TEXT NOT NULL,
    at INTEGER NOT NULL,
    PRIMARY KEY (member, lane)
) WITHOUT ROWID;

-- Ledger and feeds ----------------------------------------------------------------------------

CREATE TABLE ledger_entry (
    position INTEGER PRIMARY KEY,
    entry BLOB NOT NULL CHECK (length(entry) = 32),
    at INTEGER NOT NULL,
    salt BLOB,
    record BLOB
);

CREATE TABLE lane (
    lane INTEGER PRIMARY KEY,
    recipient TEXT NOT NULL,
    name TEXT NOT NULL,
    count INTEGER NOT NULL,
    items INTEGER NOT NULL,
    digest BLOB NOT NULL,
    UNIQUE (recipient, name)
);

-- A batch is its disclosure row, at position first, and its items after it. The row at position p
-- has the added instant added + (p - first): no column per row.
CREATE TABLE batch (
    entry_index INTEGER PRIMARY KEY REFERENCES ledger_entry (position),
    lane INTEGER NOT NULL REFERENCES lane (lane),
    first INTEGER NOT NULL,
    count INTEGER NOT NULL,
    added INTEGER NOT NULL,
    treaty TEXT,
    article TEXT NOT NULL,
    document INTEGER NOT NULL REFERENCES item (handle),
    digest_after BLOB NOT NULL,
    at INTEGER NOT NULL
);
CREATE UNIQUE INDEX batch_place ON batch (lane, first);
CREATE UNIQUE INDEX batch_added ON batch (lane, added);

-- A disclosure row has no salt of its own: its commitment is the log entry.
CREATE TABLE feed_row (
    lane INTEGER NOT NULL,
    position INTEGER NOT NULL,
    handle INTEGER NOT NULL REFERENCES item (handle),
    salt BLOB NOT NULL,
    commitment BLOB NOT NULL,
    PRIMARY KEY (lane, position)
) WITHOUT ROWID;
CREATE INDEX feed_row_item ON feed_row (handle, lane);

-- Inbox ---------------------------------------------------------------------------------------

CREATE TABLE in_lane (
    in_lane INTEGER PRIMARY KEY,
    sender TEXT NOT NULL,
    name TEXT NOT NULL,
    count INTEGER NOT NULL,
    digest BLOB NOT NULL,
    added_after TEXT NOT NULL,
    anchor INTEGER NOT NULL,
    halted TEXT NOT NULL,
    UNIQUE (sender, name)
);

CREATE TABLE in_row (
    in_lane INTEGER NOT NULL,
    position INTEGER NOT NULL,
    handle INTEGER NOT NULL,
    code TEXT NOT NULL,
    PRIMARY KEY (in_lane, position)
) WITHOUT ROWID;

CREATE TABLE in_tally (
    in_lane INTEGER NOT NULL,
    code TEXT NOT NULL,
    rows INTEGER NOT NULL,
    PRIMARY KEY (in_lane, code)
) WITHOUT ROWID;

CREATE TABLE quarantine (
    handle INTEGER PRIMARY KEY,
    sender TEXT NOT NULL,
    lane TEXT NOT NULL,
    position INTEGER NOT NULL,
    object_id TEXT NOT NULL,
    raw BLOB NOT NULL,
    raw_sha256 BLOB NOT NULL,
    code TEXT NOT NULL,
    reason TEXT NOT NULL,
    at INTEGER NOT NULL,
    UNIQUE (sender, lane, position, code, raw_sha256)
);

-- Hits, people, acts, alarms ------------------------------------------------------------------

CREATE TABLE hit (
    number INTEGER PRIMARY KEY,
    arrived INTEGER NOT NULL REFERENCES item (handle),
    held INTEGER NOT NULL REFERENCES item (handle),
    kind TEXT NOT NULL,
    value TEXT NOT NULL,
    how TEXT NOT NULL,
    frequency INTEGER NOT NULL,
    at INTEGER NOT NULL,
    state TEXT NOT NULL,
    answered_by TEXT NOT NULL,
    reason TEXT NOT NULL,
    UNIQUE (arrived, held, kind, value)
);
CREATE INDEX hit_state ON hit (state, number);

CREATE TABLE user (
    name TEXT PRIMARY KEY,
    roles TEXT NOT NULL,
    created INTEGER NOT NULL
);

CREATE TABLE token (
    token_id TEXT PRIMARY KEY,
    user TEXT NOT NULL,
    digest BLOB NOT NULL UNIQUE,
    scope TEXT NOT NULL,
    created INTEGER NOT NULL,
    revoked INTEGER
);

CREATE TABLE act (
    number INTEGER PRIMARY KEY,
    at INTEGER NOT NULL,
    user TEXT NOT NULL,
    act TEXT NOT NULL,
    subject TEXT NOT NULL
);

CREATE TABLE alarm (
    code TEXT NOT NULL,
    subject TEXT NOT NULL,
    text TEXT NOT NULL,
    since INTEGER NOT NULL,
    PRIMARY KEY (code, subject)
) WITHOUT ROWID;
