-- What erasing leaves: tombstones by name, reserved grounds.

-- A tombstone is an HMAC under the node's secret: it keeps out what was erased and tells nothing.
-- What kind of act set it decides whether it may be lifted; without an item it was set for what had
-- not come yet.
CREATE TABLE tombstone (
    mark text COLLATE "C" PRIMARY KEY,
    kind text COLLATE "C" NOT NULL,
    item bigint REFERENCES item (handle) DEFERRABLE,
    erasure bigint REFERENCES erasure (number) DEFERRABLE
);
CREATE INDEX tombstone_item ON tombstone (item);
INSERT INTO tombstone (mark, kind, item, erasure)
    SELECT encode(tombstone, 'hex'), 'erasure', max(handle), max(erasure) FROM erased_item GROUP BY tombstone;

-- Items kept against an order, each on a ground that is reserved.
CREATE TABLE reserved_item (
    item bigint PRIMARY KEY REFERENCES item (handle) DEFERRABLE,
    ground text COLLATE "C" NOT NULL,
    reason text COLLATE "C" NOT NULL,
    "user" text COLLATE "C" NOT NULL,
    at bigint NOT NULL,
    until bigint
);

-- Whether words of erased rows may linger in the files of the index: see forget.
INSERT INTO counter (name, value) VALUES ('words_linger', 0);
