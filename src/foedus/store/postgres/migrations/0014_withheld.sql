-- Rows of lanes that stand for items erased before they were pulled, and what a restore leaves open.

-- A place of a disclosure that is to be opened and erased once the disclosure's document is no
-- longer needed: one that we gave, when its recipient has taken all of its batch (up to row past of
-- the lane); one that we received (lane is NULL), when no item of its batch awaits anything.
CREATE TABLE waiting_place (
    document bigint NOT NULL REFERENCES item (handle) DEFERRABLE,
    place bigint NOT NULL,
    lane bigint REFERENCES lane (lane) DEFERRABLE,
    past bigint NOT NULL,
    PRIMARY KEY (document, place)
);
CREATE INDEX waiting_place_lane ON waiting_place (lane, past) WHERE lane IS NOT NULL;

-- Members whose order lane was not read since this node went back to an earlier state of its store:
-- what they gave may have been recalled since.
CREATE TABLE orders_unheard (
    member text COLLATE "C" PRIMARY KEY,
    since bigint NOT NULL
);

CREATE OR REPLACE VIEW visible_item AS SELECT * FROM item WHERE state = 'held'
    AND originator NOT IN (SELECT member FROM orders_unheard)
    AND coalesce(received_from, '') NOT IN (SELECT member FROM orders_unheard)
    AND NOT EXISTS (SELECT 1 FROM recovery);

-- Backups that were made and until when each is kept; where it is kept is not noted.
CREATE TABLE backup_made (
    number bigint PRIMARY KEY DEFAULT next_number('backup_made', 'number'),
    at bigint NOT NULL,
    kept_until bigint NOT NULL
);
CREATE INDEX backup_made_kept ON backup_made (kept_until);

-- Residual orders received: what a leaving member's items here come to. The handle is NULL until the
-- item is here; done is when it is no more.
CREATE TABLE residual_duty (
    number bigint PRIMARY KEY DEFAULT next_number('residual_duty', 'number'),
    digest text COLLATE "C" NOT NULL UNIQUE,
    originator text COLLATE "C" NOT NULL,
    object_id text COLLATE "C" NOT NULL,
    version text COLLATE "C" NOT NULL,
    kind text COLLATE "C" NOT NULL,
    treaty text COLLATE "C" NOT NULL,
    left_member text COLLATE "C" NOT NULL,
    due bigint NOT NULL,
    received bigint NOT NULL,
    handle bigint,
    done bigint
);
CREATE INDEX residual_duty_open ON residual_duty (due, number) WHERE done IS NULL;
