-- What a restored backup must make good before the node goes on.

-- While this row stands the node signs and releases nothing.
CREATE TABLE recovery (
    only_row bigint PRIMARY KEY CHECK (only_row = 1),
    since bigint NOT NULL,
    reason text COLLATE "C" NOT NULL
);

-- Entries of our log that came back from a copy as hashes: their salts and records are lost.
CREATE TABLE rebuilt_entries (
    first bigint PRIMARY KEY,
    past bigint NOT NULL,
    at bigint NOT NULL
);

-- Logs of ours that were closed. Entries of a closed log are numbered below zero, in their order.
CREATE TABLE closed_log (
    number bigint PRIMARY KEY DEFAULT next_number('closed_log', 'number'),
    origin text COLLATE "C" NOT NULL UNIQUE,
    moved bigint NOT NULL,
    statement bytea NOT NULL,
    at bigint NOT NULL
);

-- Members whose lanes are not rebuilt yet: nothing goes to them, nothing is taken from them.
CREATE TABLE lane_recovery (
    recipient text COLLATE "C" PRIMARY KEY,
    since bigint NOT NULL
);
