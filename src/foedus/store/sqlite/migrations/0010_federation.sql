-- Peers that could not be followed of late; one that answers has no row.
CREATE TABLE peer_link (
    member   TEXT    PRIMARY KEY,
    failures INTEGER NOT NULL,
    since    INTEGER NOT NULL,
    again    INTEGER NOT NULL,
    reason   TEXT    NOT NULL
) STRICT, WITHOUT ROWID;
