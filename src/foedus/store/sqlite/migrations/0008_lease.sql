-- Which process leads is a lock file here, and there is no replica. PostgreSQL counts what is taken
-- away; the table stands in both, so that a store may be moved.
CREATE TABLE removal (
    only_row INTEGER PRIMARY KEY CHECK (only_row = 1),
    revision INTEGER NOT NULL
) STRICT;
INSERT INTO removal (only_row, revision) VALUES (1, 0);
