-- Review and expiry dates, purges, readings of personal data, exports.

-- Dates of item versions that have any; 4611686018427387904 (2^62) stands for never. ends is the
-- earliest of expiry, retain and ordered, or never while the item is kept on a reserved ground.
CREATE TABLE retention (
    handle INTEGER PRIMARY KEY REFERENCES item (handle),
    review INTEGER NOT NULL DEFAULT 4611686018427387904,
    expiry INTEGER NOT NULL DEFAULT 4611686018427387904,
    retain INTEGER NOT NULL DEFAULT 4611686018427387904,
    released INTEGER NOT NULL DEFAULT 0,
    ordered INTEGER NOT NULL DEFAULT 4611686018427387904,
    why TEXT NOT NULL DEFAULT '',
    kept TEXT NOT NULL DEFAULT '',
    ends INTEGER NOT NULL DEFAULT 4611686018427387904
) STRICT;
CREATE INDEX retention_ends ON retention (ends, handle);
CREATE INDEX retention_review ON retention (review, handle);
CREATE INDEX retention_kept ON retention (handle) WHERE kept <> '';

-- Days set for an item by orders, duties and conditions, each under its own name: the earliest stands
-- in ordered and why, and when it is taken away the next does.
CREATE TABLE retention_day (
    handle INTEGER NOT NULL REFERENCES item (handle),
    why TEXT NOT NULL,
    at INTEGER NOT NULL,
    PRIMARY KEY (handle, why)
) STRICT, WITHOUT ROWID;

-- How far items (by added instant) and duties (by number) were gone through for their dates.
INSERT INTO counter (name, value) VALUES ('retention_added', 0), ('retention_duty', 0);
CREATE INDEX duty_retain ON duty (number) WHERE kind = 'retain';
CREATE INDEX duty_retain_due ON duty (due, number) WHERE kind = 'retain' AND done IS NULL;

-- A reading by a person names its items; one by a tool is a count for one minute.
CREATE TABLE reading (
    number INTEGER PRIMARY KEY,
    at INTEGER NOT NULL,
    "user" TEXT NOT NULL,
    token TEXT NOT NULL,
    what TEXT NOT NULL,
    purpose TEXT NOT NULL,
    items INTEGER NOT NULL,
    mark TEXT NOT NULL
) STRICT;
CREATE UNIQUE INDEX reading_minute ON reading (token, what, at, purpose, "user") WHERE token <> '';

CREATE TABLE reading_item (
    handle INTEGER NOT NULL REFERENCES item (handle),
    reading INTEGER NOT NULL REFERENCES reading (number),
    PRIMARY KEY (handle, reading)
) STRICT, WITHOUT ROWID;
CREATE INDEX reading_item_reading ON reading_item (reading, handle);

-- Files that left the store. A name below the folder of exports, or a path where it was handed out.
CREATE TABLE export (
    number INTEGER PRIMARY KEY,
    at INTEGER NOT NULL,
    "user" TEXT NOT NULL,
    purpose TEXT NOT NULL,
    kind TEXT NOT NULL,
    state TEXT NOT NULL,
    place TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    items INTEGER NOT NULL,
    deleted INTEGER
) STRICT;
CREATE INDEX export_state ON export (state, number);

CREATE TABLE export_item (
    handle INTEGER NOT NULL REFERENCES item (handle),
    export INTEGER NOT NULL REFERENCES export (number),
    PRIMARY KEY (handle, export)
) STRICT, WITHOUT ROWID;

-- What a tool reads for, as its user said when the token was made.
ALTER TABLE token ADD COLUMN purpose TEXT NOT NULL DEFAULT '';
