-- What a restored backup must make good before the node goes on.

-- While this row stands the node signs and releases nothing.
CREATE TABLE recovery (
    only_row INTEGER PRIMARY KEY CHECK (only_row = 1),
    since INTEGER NOT NULL,
    reason TEXT NOT NULL
);

-- Entries of our log that came back from a copy as hashes: their salts and records are lost.
CREATE TABLE rebuilt_entries (
    first INTEGER PRIMARY KEY,
    past INTEGER NOT NULL,
    at INTEGER NOT NULL
);

-- Logs of ours that were closed. Entries of a closed log are numbered below zero, in their order.
CREATE TABLE closed_log (
    number INTEGER PRIMARY KEY,
    origin TEXT NOT NULL UNIQUE,
    moved INTEGER NOT NULL,
    statement BLOB NOT NULL,
    at INTEGER NOT NULL
);

-- Members whose lanes are not rebuilt yet: nothing goes to them, nothing is taken from them.
CREATE TABLE lane_recovery (
    recipient TEXT PRIMARY KEY,
    since INTEGER NOT NULL
) WITHOUT ROWID;
