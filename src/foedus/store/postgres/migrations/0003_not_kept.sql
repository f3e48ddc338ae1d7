-- Rows of our lanes of which the recipient said, signed, that it does not keep the item; the newest
-- word stands.

CREATE TABLE not_kept (
    lane bigint NOT NULL REFERENCES lane (lane) DEFERRABLE,
    position bigint NOT NULL,
    code text COLLATE "C" NOT NULL,
    PRIMARY KEY (lane, position)
);
