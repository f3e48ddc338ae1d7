-- Rows of our lanes of which the recipient said, signed, that it does not keep the item; the newest
-- word stands.

CREATE TABLE not_kept (
    lane INTEGER NOT NULL REFERENCES lane (lane),
    position INTEGER NOT NULL,
    code TEXT NOT NULL,
    PRIMARY KEY (lane, position)
) WITHOUT ROWID;
