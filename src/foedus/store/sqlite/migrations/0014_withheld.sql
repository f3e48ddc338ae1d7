-- Rows of lanes that stand for items erased before they were pulled, and what a restore leaves open.

-- A place of a disclosure that is to be opened and erased once the disclosure's document is no
-- longer needed: one that we gave, when its recipient has taken all of its batch (up to row past of
-- the lane); one that we received (lane is NULL), when no item of its batch awaits anything.
CREATE TABLE waiting_place (
    document INTEGER NOT NULL REFERENCES item (handle),
    place INTEGER NOT NULL,
    lane INTEGER REFERENCES lane (lane),
    past INTEGER NOT NULL,
    PRIMARY KEY (document, place)
) WITHOUT ROWID;
CREATE INDEX waiting_place_lane ON waiting_place (lane, past) WHERE lane IS NOT NULL;

-- Members whose order lane was not read since this node went back to an earlier state of its store:
-- what they gave may have been recalled since.
CREATE TABLE orders_unheard (
    member TEXT PRIMARY KEY,
    since INTEGER NOT NULL
) WITHOUT ROWID;

DROP VIEW visible_item;
CREATE VIEW visible_item AS SELECT * FROM item WHERE state = 'held'
    AND originator NOT IN (SELECT member FROM orders_unheard)
    AND coalesce(received_from, '') NOT IN (SELECT member FROM orders_unheard)
    AND NOT EXISTS (SELECT 1 FROM recovery);

-- Backups that were made and until when each is kept; where it is kept is not noted.
CREATE TABLE backup_made (
    number INTEGER PRIMARY KEY,
    at INTEGER NOT NULL,
    kept_until INTEGER NOT NULL
);
CREATE INDEX backup_made_kept ON backup_made (kept_until);

-- Residual orders received: what a leaving member's items here come to. The handle is NULL until the
-- item is here; done is when it is no more.
CREATE TABLE residual_duty (
    number INTEGER PRIMARY KEY,
    digest TEXT NOT NULL UNIQUE,
    originator TEXT NOT NULL,
    object_id TEXT NOT NULL,
    version TEXT NOT NULL,
    kind TEXT NOT NULL,
    treaty TEXT NOT NULL,
    left_member TEXT NOT NULL,
    due INTEGER NOT NULL,
    received INTEGER NOT NULL,
    handle INTEGER,
    done INTEGER
);
CREATE INDEX residual_duty_open ON residual_duty (due, number) WHERE done IS NULL;
