-- Collections of a member's own tools. Every key begins with the collection, so that rows may be
-- spread by it. The version is the instant in microseconds; its text is the sender's own. `first`
-- and `last` are 1 on the earliest and the latest version of each object.

CREATE TABLE collection (
    collection bigint PRIMARY KEY DEFAULT next_number('collection', 'collection'),
    id text COLLATE "C" NOT NULL UNIQUE,
    name text COLLATE "C" NOT NULL UNIQUE,
    title text COLLATE "C" NOT NULL,
    description text COLLATE "C" NOT NULL,
    created bigint NOT NULL,
    created_by text COLLATE "C" NOT NULL,
    last_added bigint NOT NULL,
    objects bigint NOT NULL,
    bytes bigint NOT NULL,
    largest bigint NOT NULL,
    submitted bigint NOT NULL
);

CREATE TABLE collection_object (
    collection bigint NOT NULL,
    added bigint NOT NULL,
    object_id text COLLATE "C" NOT NULL,
    type text COLLATE "C" NOT NULL,
    version bigint NOT NULL,
    version_text text COLLATE "C" NOT NULL,
    first bigint NOT NULL,
    last bigint NOT NULL,
    raw bytea NOT NULL,
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
    collection bigint NOT NULL,
    mark bytea NOT NULL,
    PRIMARY KEY (collection, mark)
);

-- What became of each post, kept for a day.
CREATE TABLE post_status (
    id text COLLATE "C" PRIMARY KEY,
    owner text COLLATE "C" NOT NULL,
    at bigint NOT NULL,
    body bytea NOT NULL
);
CREATE INDEX post_status_at ON post_status (at);

ALTER TABLE token ADD COLUMN expires bigint;
ALTER TABLE token ADD COLUMN used bigint;
ALTER TABLE token ADD COLUMN certificate text COLLATE "C";

CREATE TABLE token_grant (
    token_id text COLLATE "C" NOT NULL REFERENCES token (token_id) DEFERRABLE,
    collection bigint NOT NULL REFERENCES collection (collection) DEFERRABLE,
    can_read bigint NOT NULL,
    can_write bigint NOT NULL,
    PRIMARY KEY (token_id, collection)
);
CREATE INDEX token_grant_collection ON token_grant (collection);

-- Counts every change of users, tokens, grants and collections: who keeps credentials looks here.
INSERT INTO counter (name, value) VALUES ('access_revision', 0);
