-- Collections of a member's own tools. Every key begins with the collection, so that rows may be
-- spread by it. The version is the instant in microseconds; its text is the sender's own. `first`
-- and `last` are 1 on the earliest and the latest version of each object.

CREATE TABLE collection (
    collection INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL UNIQUE,
    title TEXT NOT NULL,
    description TEXT NOT NULL,
    created INTEGER NOT NULL,
    created_by TEXT NOT NULL,
    last_added INTEGER NOT NULL,
    objects INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    largest INTEGER NOT NULL,
    submitted INTEGER NOT NULL
);

CREATE TABLE collection_object (
    collection INTEGER NOT NULL,
    added INTEGER NOT NULL,
    object_id TEXT NOT NULL,
    type TEXT NOT NULL,
    version INTEGER NOT NULL,
    version_text TEXT NOT NULL,
    first INTEGER NOT NULL,
    last INTEGER NOT NULL,
    raw BLOB NOT NULL,
    PRIMARY KEY (collection, added)
);
CREATE UNIQUE INDEX collection_object_key ON collection_object (collection, object_id, version);
CREATE INDEX collection_object_last ON collection_object (collection, added) WHERE last = 1;
CREATE INDEX collection_object_first ON collection_object (collection, added) WHERE first = 1;
CREATE INDEX collection_object_type ON collection_object (collection, type, added, last, first);
CREATE INDEX collection_object_version ON collection_object (collection, version, added, type);

-- What was deleted, so that it is told apart from what never stood there: a code under the node's
-- secret for each version, no id.
CREATE TABLE collection_deleted (
    collection INTEGER NOT NULL,
    mark BLOB NOT NULL,
    PRIMARY KEY (collection, mark)
) WITHOUT ROWID;

-- What became of each post, kept for a day.
CREATE TABLE post_status (
    id TEXT PRIMARY KEY,
    owner TEXT NOT NULL,
    at INTEGER NOT NULL,
    body BLOB NOT NULL
);
CREATE INDEX post_status_at ON post_status (at);

ALTER TABLE token ADD COLUMN expires INTEGER;
ALTER TABLE token ADD COLUMN used INTEGER;
ALTER TABLE token ADD COLUMN certificate TEXT;

CREATE TABLE token_grant (
    token_id TEXT NOT NULL REFERENCES token (token_id),
    collection INTEGER NOT NULL REFERENCES collection (collection),
    can_read INTEGER NOT NULL,
    can_write INTEGER NOT NULL,
    PRIMARY KEY (token_id, collection)
) WITHOUT ROWID;
CREATE INDEX token_grant_collection ON token_grant (collection);

-- Counts every change of users, tokens, grants and collections: who keeps credentials looks here.
INSERT INTO counter (name, value) VALUES ('access_revision', 0);
