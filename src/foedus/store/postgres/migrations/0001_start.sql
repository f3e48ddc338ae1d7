-- Times are whole microseconds since 1970-01-01T00:00:00Z. Nothing here names another program's
-- table; positions, numbers and added instants are given by the one writer inside its transaction.

-- The number after the highest, as in SQLite: only one transaction writes at a time, so that none is
-- given twice, and one that is rolled back leaves no gap.
CREATE FUNCTION next_number(of_table text, of_column text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    highest bigint;
BEGIN
    EXECUTE format('SELECT max(%I) FROM %I', of_column, of_table) INTO highest;
    RETURN coalesce(highest, 0) + 1;
END
$$;

CREATE TABLE node (
    only_row bigint PRIMARY KEY CHECK (only_row = 1),
    member text COLLATE "C" NOT NULL
);

CREATE TABLE counter (
    name text COLLATE "C" PRIMARY KEY,
    value bigint NOT NULL
);
INSERT INTO counter (name, value) VALUES ('last_added', 0), ('law_revision', 0);

CREATE TABLE number_sequence (
    year bigint PRIMARY KEY,
    last bigint NOT NULL
);

-- Items ---------------------------------------------------------------------------------------

CREATE TABLE terms (
    terms bigint PRIMARY KEY DEFAULT next_number('terms', 'terms'),
    terms_id text COLLATE "C" NOT NULL UNIQUE,
    raw bytea NOT NULL
);

CREATE TABLE source (
    handle bigint PRIMARY KEY DEFAULT next_number('source', 'handle'),
    sha256 text COLLATE "C" NOT NULL,
    name text COLLATE "C" NOT NULL,
    format text COLLATE "C" NOT NULL,
    at bigint NOT NULL,
    given_by text COLLATE "C" NOT NULL,
    read bigint NOT NULL,
    taken bigint NOT NULL,
    duplicates bigint NOT NULL,
    added bigint NOT NULL,
    refused text COLLATE "C" NOT NULL,
    report text COLLATE "C"
);

CREATE TABLE item (
    handle bigint PRIMARY KEY,
    originator text COLLATE "C" NOT NULL,
    object_id text COLLATE "C" NOT NULL,
    version text COLLATE "C" NOT NULL,
    type text COLLATE "C" NOT NULL,
    state text COLLATE "C" NOT NULL,
    number_year bigint,
    number_sequence bigint,
    terms bigint REFERENCES terms (terms) DEFERRABLE,
    content_hash bytea NOT NULL,
    modified bigint,
    received_from text COLLATE "C",
    received_under text COLLATE "C",
    source bigint REFERENCES source (handle) DEFERRABLE,
    title text COLLATE "C" NOT NULL,
    variant_of bigint REFERENCES item (handle) DEFERRABLE,
    added bigint NOT NULL
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
    handle bigint PRIMARY KEY REFERENCES item (handle) DEFERRABLE,
    raw bytea NOT NULL
);

-- The row id is the item's added instant, so that a search streams in the order it pages by. Drafts
-- have an index of their own, small enough to be rewritten whole when one of them is erased.
CREATE TABLE item_text (
    added bigint PRIMARY KEY,
    title text COLLATE "C" NOT NULL,
    text text COLLATE "C" NOT NULL,
    words bigint[] NOT NULL
);
CREATE INDEX item_text_words ON item_text USING gin (words);
CREATE TABLE draft_text (
    added bigint PRIMARY KEY,
    title text COLLATE "C" NOT NULL,
    text text COLLATE "C" NOT NULL,
    words bigint[] NOT NULL
);
CREATE INDEX draft_text_words ON draft_text USING gin (words);

-- The hash is an index only: two selectors may share one, and the value decides.
CREATE TABLE selector (
    selector bigint PRIMARY KEY,
    hash bigint NOT NULL,
    kind text COLLATE "C" NOT NULL,
    value text COLLATE "C" NOT NULL
);
CREATE INDEX selector_hash ON selector (hash);

-- hidden is 0 for the items of visible_item and 1 for all others, so that a look-up reads one range.
CREATE TABLE posting (
    selector bigint NOT NULL,
    hidden bigint NOT NULL,
    handle bigint NOT NULL,
    PRIMARY KEY (selector, hidden, handle)
);
CREATE INDEX posting_item ON posting (handle);

-- Law and peers -------------------------------------------------------------------------------

CREATE TABLE treaty (
    treaty text COLLATE "C" PRIMARY KEY,
    raw bytea NOT NULL,
    at bigint NOT NULL
);

CREATE TABLE instrument (
    object_id text COLLATE "C" PRIMARY KEY,
    raw bytea NOT NULL,
    member text COLLATE "C" NOT NULL,
    treaty text COLLATE "C",
    at bigint NOT NULL
);

CREATE TABLE peer (
    member text COLLATE "C" PRIMARY KEY,
    credence bytea NOT NULL,
    accepted_at bigint NOT NULL,
    accepted_by text COLLATE "C" NOT NULL,
    heard bigint,
    checkpoint bytea
);

CREATE TABLE peer_head (
    member text COLLATE "C" NOT NULL REFERENCES peer (member) DEFERRABLE,
    lane text COLLATE "C" NOT NULL,
    count bigint NOT NULL,
    digest text COLLATE "C" NOT NULL,
    at bigint NOT NULL,
    PRIMARY KEY (member, lane)
);

-- Ledger and feeds ----------------------------------------------------------------------------

CREATE TABLE ledger_entry (
    position bigint PRIMARY KEY,
    entry bytea NOT NULL CHECK (length(entry) = 32),
    at bigint NOT NULL,
    salt bytea,
    record bytea
);

CREATE TABLE lane (
    lane bigint PRIMARY KEY DEFAULT next_number('lane', 'lane'),
    recipient text COLLATE "C" NOT NULL,
    name text COLLATE "C" NOT NULL,
    count bigint NOT NULL,
    items bigint NOT NULL,
    digest bytea NOT NULL,
    UNIQUE (recipient, name)
);

-- A batch is its disclosure row, at position first, and its items after it. The row at position p
-- has the added instant added + (p - first): no column per row.
CREATE TABLE batch (
    entry_index bigint PRIMARY KEY REFERENCES ledger_entry (position) DEFERRABLE,
    lane bigint NOT NULL REFERENCES lane (lane) DEFERRABLE,
    first bigint NOT NULL,
    count bigint NOT NULL,
    added bigint NOT NULL,
    treaty text COLLATE "C",
    article text COLLATE "C" NOT NULL,
    document bigint NOT NULL REFERENCES item (handle) DEFERRABLE,
    digest_after bytea NOT NULL,
    at bigint NOT NULL
);
CREATE UNIQUE INDEX batch_place ON batch (lane, first);
CREATE UNIQUE INDEX batch_added ON batch (lane, added);

-- A disclosure row has no salt of its own: its commitment is the log entry.
CREATE TABLE feed_row (
    lane bigint NOT NULL,
    position bigint NOT NULL,
    handle bigint NOT NULL REFERENCES item (handle) DEFERRABLE,
    salt bytea NOT NULL,
    commitment bytea NOT NULL,
    PRIMARY KEY (lane, position)
);
CREATE INDEX feed_row_item ON feed_row (handle, lane);

-- Inbox ---------------------------------------------------------------------------------------

CREATE TABLE in_lane (
    in_lane bigint PRIMARY KEY DEFAULT next_number('in_lane', 'in_lane'),
    sender text COLLATE "C" NOT NULL,
    name text COLLATE "C" NOT NULL,
    count bigint NOT NULL,
    digest bytea NOT NULL,
    added_after text COLLATE "C" NOT NULL,
    anchor bigint NOT NULL,
    halted text COLLATE "C" NOT NULL,
    UNIQUE (sender, name)
);

CREATE TABLE in_row (
    in_lane bigint NOT NULL,
    position bigint NOT NULL,
    handle bigint NOT NULL,
    code text COLLATE "C" NOT NULL,
    PRIMARY KEY (in_lane, position)
);

CREATE TABLE in_tally (
    in_lane bigint NOT NULL,
    code text COLLATE "C" NOT NULL,
    rows bigint NOT NULL,
    PRIMARY KEY (in_lane, code)
);

CREATE TABLE quarantine (
    handle bigint PRIMARY KEY DEFAULT next_number('quarantine', 'handle'),
    sender text COLLATE "C" NOT NULL,
    lane text COLLATE "C" NOT NULL,
    position bigint NOT NULL,
    object_id text COLLATE "C" NOT NULL,
    raw bytea NOT NULL,
    raw_sha256 bytea NOT NULL,
    code text COLLATE "C" NOT NULL,
    reason text COLLATE "C" NOT NULL,
    at bigint NOT NULL,
    UNIQUE (sender, lane, position, code, raw_sha256)
);

-- Hits, people, acts, alarms ------------------------------------------------------------------

CREATE TABLE hit (
    number bigint PRIMARY KEY DEFAULT next_number('hit', 'number'),
    arrived bigint NOT NULL REFERENCES item (handle) DEFERRABLE,
    held bigint NOT NULL REFERENCES item (handle) DEFERRABLE,
    kind text COLLATE "C" NOT NULL,
    value text COLLATE "C" NOT NULL,
    how text COLLATE "C" NOT NULL,
    frequency bigint NOT NULL,
    at bigint NOT NULL,
    state text COLLATE "C" NOT NULL,
    answered_by text COLLATE "C" NOT NULL,
    reason text COLLATE "C" NOT NULL,
    UNIQUE (arrived, held, kind, value)
);
CREATE INDEX hit_state ON hit (state, number);

CREATE TABLE "user" (
    name text COLLATE "C" PRIMARY KEY,
    roles text COLLATE "C" NOT NULL,
    created bigint NOT NULL
);

CREATE TABLE token (
    token_id text COLLATE "C" PRIMARY KEY,
    "user" text COLLATE "C" NOT NULL,
    digest bytea NOT NULL UNIQUE,
    scope text COLLATE "C" NOT NULL,
    created bigint NOT NULL,
    revoked bigint
);

CREATE TABLE act (
    number bigint PRIMARY KEY DEFAULT next_number('act', 'number'),
    at bigint NOT NULL,
    "user" text COLLATE "C" NOT NULL,
    act text COLLATE "C" NOT NULL,
    subject text COLLATE "C" NOT NULL
);

CREATE TABLE alarm (
    code text COLLATE "C" NOT NULL,
    subject text COLLATE "C" NOT NULL,
    text text COLLATE "C" NOT NULL,
    since bigint NOT NULL,
    PRIMARY KEY (code, subject)
);
