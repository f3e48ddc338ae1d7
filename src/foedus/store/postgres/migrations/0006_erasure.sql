-- What was erased by order, and what takes the place of a disclosure document that told it.

CREATE TABLE erasure (
    number bigint PRIMARY KEY DEFAULT next_number('erasure', 'number'),
    reference text COLLATE "C" NOT NULL,
    reason text COLLATE "C" NOT NULL,
    "user" text COLLATE "C" NOT NULL,
    at bigint NOT NULL,
    items bigint NOT NULL,
    entry_index bigint NOT NULL REFERENCES ledger_entry (position) DEFERRABLE
);

-- A tombstone is an HMAC under the node's secret: it recognises a name and tells none.
CREATE TABLE erased_item (
    handle bigint PRIMARY KEY REFERENCES item (handle) DEFERRABLE,
    tombstone bytea NOT NULL,
    erasure bigint NOT NULL REFERENCES erasure (number) DEFERRABLE
);
CREATE INDEX erased_item_tombstone ON erased_item (tombstone);

-- A disclosure that is kept no longer as one document but item by item, each erasable alone. The
-- header is its payload without any item; places count from 0; salt and record are NULL once erased.
CREATE TABLE opened_disclosure (
    document bigint PRIMARY KEY REFERENCES item (handle) DEFERRABLE,
    header bytea NOT NULL
);

CREATE TABLE opened_item (
    document bigint NOT NULL REFERENCES opened_disclosure (document) DEFERRABLE,
    place bigint NOT NULL,
    commitment bytea NOT NULL,
    salt bytea,
    record bytea,
    PRIMARY KEY (document, place)
);

-- The newest acknowledgement of each lane as its recipient signed it, to be shown to others.
CREATE TABLE acknowledgement (
    member text COLLATE "C" NOT NULL REFERENCES peer (member) DEFERRABLE,
    lane text COLLATE "C" NOT NULL,
    document bytea NOT NULL,
    PRIMARY KEY (member, lane)
);
