-- Review and expiry dates, purges, readings of personal data, exports.

-- Dates of item versions that have any; 4611686018427387904 (2^62) stands for never. ends is the
-- earliest of expiry, retain and ordered, or never while the item is kept on a reserved ground.
CREATE TABLE retention (
    handle bigint PRIMARY KEY REFERENCES item (handle) DEFERRABLE,
    review bigint NOT NULL DEFAULT 4611686018427387904,
    expiry bigint NOT NULL DEFAULT 4611686018427387904,
    retain bigint NOT NULL DEFAULT 4611686018427387904,
    released bigint NOT NULL DEFAULT 0,
    ordered bigint NOT NULL DEFAULT 4611686018427387904,
    why text COLLATE "C" NOT NULL DEFAULT '',
    kept text COLLATE "C" NOT NULL DEFAULT '',
    ends bigint NOT NULL DEFAULT 4611686018427387904
);
CREATE INDEX retention_ends ON retention (ends, handle);
CREATE INDEX retention_review ON retention (review, handle);
CREATE INDEX retention_kept ON retention (handle) WHERE kept <> '';

-- Days set for an item by orders, duties and conditions, each under its own name: the earliest stands
-- in ordered and why, and when it is taken away the next does.
CREATE TABLE retention_day (
    handle bigint NOT NULL REFERENCES item (handle) DEFERRABLE,
    why text COLLATE "C" NOT NULL,
    at bigint NOT NULL,
    PRIMARY KEY (handle, why)
);

-- How far items (by added instant) and duties (by number) were gone through for their dates.
INSERT INTO counter (name, value) VALUES ('retention_added', 0), ('retention_duty', 0);
CREATE INDEX duty_retain ON duty (number) WHERE kind = 'retain';
CREATE INDEX duty_retain_due ON duty (due, number) WHERE kind = 'retain' AND done IS NULL;

-- A reading by a person names its items; one by a tool is a count for one minute.
CREATE TABLE reading (
    number bigint PRIMARY KEY DEFAULT next_number('reading', 'number'),
    at bigint NOT NULL,
    "user" text COLLATE "C" NOT NULL,
    token text COLLATE "C" NOT NULL,
    what text COLLATE "C" NOT NULL,
    purpose text COLLATE "C" NOT NULL,
    items bigint NOT NULL,
    mark text COLLATE "C" NOT NULL
);
CREATE UNIQUE INDEX reading_minute ON reading (token, what, at, purpose, "user") WHERE token <> '';

CREATE TABLE reading_item (
    handle bigint NOT NULL REFERENCES item (handle) DEFERRABLE,
    reading bigint NOT NULL REFERENCES reading (number) DEFERRABLE,
    PRIMARY KEY (handle, reading)
);
CREATE INDEX reading_item_reading ON reading_item (reading, handle);

-- Files that left the store. A name below the folder of exports, or a path where it was handed out.
CREATE TABLE export (
    number bigint PRIMARY KEY DEFAULT next_number('export', 'number'),
    at bigint NOT NULL,
    "user" text COLLATE "C" NOT NULL,
    purpose text COLLATE "C" NOT NULL,
    kind text COLLATE "C" NOT NULL,
    state text COLLATE "C" NOT NULL,
    place text COLLATE "C" NOT NULL,
    sha256 text COLLATE "C" NOT NULL,
    items bigint NOT NULL,
    deleted bigint
);
CREATE INDEX export_state ON export (state, number);

CREATE TABLE export_item (
    handle bigint NOT NULL REFERENCES item (handle) DEFERRABLE,
    export bigint NOT NULL REFERENCES export (number) DEFERRABLE,
    PRIMARY KEY (handle, export)
);

-- What a tool reads for, as its user said when the token was made.
ALTER TABLE token ADD COLUMN purpose text COLLATE "C" NOT NULL DEFAULT '';
