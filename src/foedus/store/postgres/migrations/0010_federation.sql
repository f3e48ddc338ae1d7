-- Peers that could not be followed of late; one that answers has no row.
CREATE TABLE peer_link (
    member   text COLLATE "C"    PRIMARY KEY,
    failures bigint NOT NULL,
    since    bigint NOT NULL,
    again    bigint NOT NULL,
    reason   text COLLATE "C"    NOT NULL
);
