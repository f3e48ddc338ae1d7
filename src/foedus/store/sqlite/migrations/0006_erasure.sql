-- What was erased by order, and what takes the place of a disclosure document that told it.

CREATE TABLE erasure (
    number INTEGER PRIMARY KEY,
    reference TEXT NOT NULL,
    reason TEXT NOT NULL,
    user TEXT NOT NULL,
    at INTEGER NOT NULL,
    items INTEGER NOT NULL,
    entry_index INTEGER NOT NULL REFERENCES ledger_entry (position)
);

-- A tombstone is an HMAC under the node's secret: it recognises a name and tells none.
CREATE TABLE erased_item (
    handle INTEGER PRIMARY KEY REFERENCES item (handle),
    tombstone BLOB NOT NULL,
    erasure INTEGER NOT NULL REFERENCES erasure (number)
);
CREATE INDEX erased_item_tombstone ON erased_item (tombstone);

-- A disclosure that is kept no longer as one document but item by item, each erasable alone. The
-- header is its payload without any item; places count from 0; salt and record are NULL once erased.
CREATE TABLE opened_disclosure (
    document INTEGER PRIMARY KEY REFERENCES item (handle),
    header BLOB NOT NULL
);

CREATE TABLE opened_item (
    document INTEGER NOT NULL REFERENCES opened_disclosure (document),
    place INTEGER NOT NULL,
    commitment BLOB NOT NULL,
    salt BLOB,
    record BLOB,
    PRIMARY KEY (document, place)
) WITHOUT ROWID;

-- The newest acknowledgement of each lane as its recipient signed it, to be shown to others.
CREATE TABLE acknowledgement (
    member TEXT NOT NULL REFERENCES peer (member),
    lane TEXT NOT NULL,
    document BLOB NOT NULL,
    PRIMARY KEY (member, lane)
) WITHOUT ROWID;
