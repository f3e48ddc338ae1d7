-- What was ordered of whom, how far each holder has come, and what was ordered of us.

CREATE TABLE issued_order (
    number bigint PRIMARY KEY DEFAULT next_number('issued_order', 'number'),
    name text COLLATE "C" NOT NULL UNIQUE,
    year bigint NOT NULL,
    sequence bigint NOT NULL,
    action text COLLATE "C" NOT NULL,
    reason text COLLATE "C" NOT NULL,
    treaty text COLLATE "C" NOT NULL,
    article text COLLATE "C" NOT NULL,
    at bigint NOT NULL,
    due bigint NOT NULL,
    life bigint NOT NULL,
    "user" text COLLATE "C" NOT NULL,
    entry_index bigint NOT NULL REFERENCES ledger_entry (position) DEFERRABLE,
    expiry bigint,
    UNIQUE (year, sequence)
);

-- The versions here that an order concerns; what it bars of them ends when it is lifted.
CREATE TABLE order_item (
    number bigint NOT NULL REFERENCES issued_order (number) DEFERRABLE,
    handle bigint NOT NULL,
    ended bigint,
    PRIMARY KEY (number, handle)
);
CREATE INDEX order_item_live ON order_item (handle) WHERE ended IS NULL;

-- One row for each member an order went to. Each index serves one list of the matrix, so that no
-- list is found by reading rows that are not of it.
CREATE TABLE order_holder (
    number bigint NOT NULL REFERENCES issued_order (number) DEFERRABLE,
    member text COLLATE "C" NOT NULL,
    digest text COLLATE "C" NOT NULL,
    document bigint NOT NULL,
    position bigint NOT NULL,
    items bigint NOT NULL,
    via text COLLATE "C" NOT NULL,
    ordered bigint NOT NULL,
    due bigint NOT NULL,
    state text COLLATE "C" NOT NULL,
    received bigint,
    executed bigint,
    attested bigint,
    outcome text COLLATE "C",
    kept bigint NOT NULL,
    kept_until bigint,
    breach bigint NOT NULL,
    PRIMARY KEY (number, member)
);
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
    number bigint NOT NULL REFERENCES issued_order (number) DEFERRABLE,
    member text COLLATE "C" NOT NULL,
    at bigint NOT NULL,
    payload bytea NOT NULL,
    PRIMARY KEY (number, member, at)
);

-- Rows of order_holder by state, and those overdue and in open breach records, of each order; those
-- of all orders stand under the number 0.
CREATE TABLE order_tally (
    number bigint NOT NULL,
    word text COLLATE "C" NOT NULL,
    rows bigint NOT NULL,
    PRIMARY KEY (number, word)
);

CREATE TABLE order_breach (
    record bigint PRIMARY KEY DEFAULT next_number('order_breach', 'record'),
    number bigint NOT NULL,
    member text COLLATE "C" NOT NULL,
    due bigint NOT NULL,
    noted bigint NOT NULL,
    entry_index bigint NOT NULL REFERENCES ledger_entry (position) DEFERRABLE,
    executed bigint,
    closed bigint,
    closed_by text COLLATE "C" NOT NULL,
    reason text COLLATE "C" NOT NULL,
    UNIQUE (number, member)
);
CREATE INDEX order_breach_open ON order_breach (record) WHERE closed IS NULL;

CREATE TABLE received_order (
    number bigint PRIMARY KEY DEFAULT next_number('received_order', 'number'),
    digest text COLLATE "C" NOT NULL UNIQUE,
    name text COLLATE "C" NOT NULL,
    sender text COLLATE "C" NOT NULL,
    originator text COLLATE "C" NOT NULL,
    action text COLLATE "C" NOT NULL,
    at bigint NOT NULL,
    due bigint NOT NULL,
    envelope bytea NOT NULL,
    received bigint NOT NULL,
    automatic bigint NOT NULL,
    state text COLLATE "C" NOT NULL,
    applied text COLLATE "C",
    passed_on text COLLATE "C" NOT NULL,
    beyond text COLLATE "C" NOT NULL,
    executed bigint,
    attested bigint,
    unattested bigint NOT NULL,
    reconsider bigint,
    late bigint NOT NULL
);
CREATE INDEX received_order_open ON received_order (number) WHERE state <> 'attested';
CREATE INDEX received_order_again ON received_order (reconsider) WHERE reconsider IS NOT NULL;
CREATE INDEX received_order_told ON received_order (number) WHERE unattested = 1;
CREATE INDEX received_order_due ON received_order (due) WHERE attested IS NULL AND late = 0;

CREATE TABLE received_line (
    originator text COLLATE "C" NOT NULL,
    object_id text COLLATE "C" NOT NULL,
    number bigint NOT NULL REFERENCES received_order (number) DEFERRABLE,
    PRIMARY KEY (originator, object_id, number)
);
