-- What erasing leaves: tombstones by name, reserved grounds.

-- A tombstone is an HMAC under the node's secret: it keeps out what was erased and tells nothing.
-- What kind of act set it decides whether it may be lifted; without an item it was set for what had
-- not come yet.
CREATE TABLE tombstone (
    mark TEXT PRIMARY KEY,
    kind TEXT NOT NULL,
    item INTEGER REFERENCES item (handle),
    erasure INTEGER REFERENCES erasure (number)
) WITHOUT ROWID;
CREATE INDEX tombstone_item ON tombstone (item);
INSERT INTO tombstone (mark, kind, item, erasure)
    SELECT lower(hex(tombstone)), 'erasure', max(handle), max(erasure) FROM erased_item GROUP BY tombstone;

-- Items kept against an order, each on a ground that is reserved.
CREATE TABLE reserved_item (
    item INTEGER PRIMARY KEY REFERENCES item (handle),
    ground TEXT NOT NULL,
    reason TEXT NOT NULL,
    user TEXT NOT NULL,
    at INTEGER NOT NULL,
    until INTEGER
);

-- Whether words of erased rows may linger in the files of the index: see forget.
INSERT INTO counter (name, value) VALUES ('words_linger', 0);
