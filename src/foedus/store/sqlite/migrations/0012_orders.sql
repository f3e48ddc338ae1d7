-- What was ordered of whom, how far each holder has come, and what was ordered of us.

CREATE TABLE issued_order (
    number INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    year INTEGER NOT NULL,
    sequence INTEGER NOT NULL,
    action TEXT NOT NULL,
    reason TEXT NOT NULL,
    treaty TEXT NOT NULL,
    article TEXT NOT NULL,
    at INTEGER NOT NULL,
    due INTEGER NOT NULL,
    life INTEGER NOT NULL,
    user TEXT NOT NULL,
    entry_index INTEGER NOT NULL REFERENCES ledger_entry (position),
    expiry INTEGER,
    UNIQUE (year, sequence)
);

-- The versions here that an order concerns; what it bars of them ends when it is lifted.
CREATE TABLE order_item (
    number INTEGER NOT NULL REFERENCES issued_order (number),
    handle INTEGER NOT NULL,
    ended INTEGER,
    PRIMARY KEY (number, handle)
) WITHOUT ROWID;
CREATE INDEX order_item_live ON order_item (handle) WHERE ended IS NULL;

-- One row for each member an order went to. Each index serves one list of the matrix, so that no
-- list is found by reading rows that are not of it.
CREATE TABLE order_holder (
    number INTEGER NOT NULL REFERENCES issued_order (number),
    member TEXT NOT NULL,
    digest TEXT NOT NULL,
    document INTEGER NOT NULL,
    position INTEGER NOT NULL,
    items INTEGER NOT NULL,
    via TEXT NOT NULL,
    ordered INTEGER NOT NULL,
    due INTEGER NOT NULL,
    state TEXT NOT NULL,
    received INTEGER,
    executed INTEGER,
    attested INTEGER,
    outcome TEXT,
    kept INTEGER NOT NULL,
    kept_until INTEGER,
    breach INTEGER NOT NULL,
    PRIMARY KEY (number, member)
) WITHOUT ROWID;
CREATE INDEX order_holder_digest ON order_holder (digest) WHERE digest <> '';
CREATE INDEX order_holder_lane ON order_holder (member, position)
    WHERE state = 'ordered' AND position > 0;
CREATE INDEX order_holder_unsent ON order_holder (number, member)
    WHERE state = 'ordered' AND position = 0 AND document > 0;
CREATE INDEX order_holder_open ON order_holder (number, member) WHERE state <> 'attested';
CREATE INDEX order_holder_kept ON order_holder (number, member) WHERE state = 'executed-in-part';
CREATE INDEX order_holder_overdue ON order_holder (number, member)
    WHERE executed IS NULL AND breach > 0;
CREATE INDEX order_holder_due ON order_holder (due, number, member)
    WHERE executed IS NULL AND breach = 0;

-- What holders attested, as they signed it.
CREATE TABLE order_attestation (
    number INTEGER NOT NULL REFERENCES issued_order (number),
    member TEXT NOT NULL,
    at INTEGER NOT NULL,
    payload BLOB NOT NULL,
    PRIMARY KEY (number, member, at)
) WITHOUT ROWID;

-- Rows of order_holder by state, and those overdue and in open breach records, of each order; those
-- of all orders stand under the number 0.
CREATE TABLE order_tally (
    number INTEGER NOT NULL,
    word TEXT NOT NULL,
    rows INTEGER NOT NULL,
    PRIMARY KEY (number, word)
) WITHOUT ROWID;

CREATE TABLE order_breach (
    record INTEGER PRIMARY KEY,
    number INTEGER NOT NULL,
    member TEXT NOT NULL,
    due INTEGER NOT NULL,
    noted INTEGER NOT NULL,
    entry_index INTEGER NOT NULL REFERENCES ledger_entry (position),
    executed INTEGER,
    closed INTEGER,
    closed_by TEXT NOT NULL,
    reason TEXT NOT NULL,
    UNIQUE (number, member)
);
CREATE INDEX order_breach_open ON order_breach (record) WHERE closed IS NULL;

CREATE TABLE received_order (
    number INTEGER PRIMARY KEY,
    digest TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    sender TEXT NOT NULL,
    originator TEXT NOT NULL,
    action TEXT NOT NULL,
    at INTEGER NOT NULL,
    due INTEGER NOT NULL,
    envelope BLOB NOT NULL,
    received INTEGER NOT NULL,
    automatic INTEGER NOT NULL,
    state TEXT NOT NULL,
    applied TEXT,
    passed_on TEXT NOT NULL,
    beyond TEXT NOT NULL,
    executed INTEGER,
    attested INTEGER,
    unattested INTEGER NOT NULL,
    reconsider INTEGER,
    late INTEGER NOT NULL
);
CREATE INDEX received_order_open ON received_order (number) WHERE state <> 'attested';
CREATE INDEX received_order_again ON received_order (reconsider) WHERE reconsider IS NOT NULL;
CREATE INDEX received_order_told ON received_order (number) WHERE unattested = 1;
CREATE INDEX received_order_due ON received_order (due) WHERE attested IS NULL AND late = 0;

CREATE TABLE received_line (
    originator TEXT NOT NULL,
    object_id TEXT NOT NULL,
    number INTEGER NOT NULL REFERENCES received_order (number),
    PRIMARY KEY (originator, object_id, number)
) WITHOUT ROWID;
