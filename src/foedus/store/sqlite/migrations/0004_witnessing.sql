-- Witnessing: what this node vouches for of others' logs, what others vouch for of its own, and
-- what is known of everybody's heads.

-- As witness: the head this node cosigned last, of each log. It is stored before it is answered.
CREATE TABLE cosigned_log (
    origin TEXT PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    size INTEGER NOT NULL CHECK (size >= 0),
    note BLOB NOT NULL,
    at INTEGER NOT NULL
) WITHOUT ROWID;

-- The size never goes back, whatever the code does.
CREATE TRIGGER cosigned_log_never_back BEFORE UPDATE OF size ON cosigned_log
WHEN new.size < old.size
BEGIN
    SELECT RAISE(ABORT, 'a witness never goes back');
END;

-- As log: heads that members cosigned, each as the log signed it, and their lines.
CREATE TABLE own_head (
    size INTEGER PRIMARY KEY,
    note BLOB NOT NULL
);

CREATE TABLE own_cosignature (
    size INTEGER NOT NULL REFERENCES own_head (size) ON DELETE CASCADE,
    member TEXT NOT NULL,
    lines BLOB NOT NULL,
    PRIMARY KEY (size, member)
) WITHOUT ROWID;

-- The largest size of our log that each member cosigned; outlives the heads above.
CREATE TABLE own_witness (
    member TEXT PRIMARY KEY,
    size INTEGER NOT NULL,
    at INTEGER NOT NULL
) WITHOUT ROWID;

-- The newest head known of each log, our own included; each contains the one that stood before it.
CREATE TABLE heard_head (
    origin TEXT PRIMARY KEY,
    member TEXT NOT NULL,
    size INTEGER NOT NULL,
    root BLOB NOT NULL,
    note BLOB NOT NULL,
    shown_by TEXT NOT NULL,
    at INTEGER NOT NULL
) WITHOUT ROWID;

-- Proofs that a member's log signed two histories; one for each log is enough.
CREATE TABLE log_fork (
    origin TEXT PRIMARY KEY,
    member TEXT NOT NULL,
    smaller INTEGER NOT NULL,
    larger INTEGER NOT NULL,
    proof BLOB NOT NULL,
    shown_by TEXT NOT NULL,
    at INTEGER NOT NULL
) WITHOUT ROWID;

CREATE INDEX log_fork_member ON log_fork (member);
