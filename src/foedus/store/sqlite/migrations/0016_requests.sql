-- Requests for information, asked and received, and their clocks. What a request says stands in its
-- item; here stand figures, ids and closed words. "item" is no foreign key: a row outlives its item.

CREATE TABLE request (
    number INTEGER PRIMARY KEY,
    side TEXT NOT NULL,
    name TEXT NOT NULL,
    member TEXT NOT NULL,
    object_id TEXT NOT NULL,
    item INTEGER NOT NULL,
    treaty TEXT NOT NULL,
    article TEXT NOT NULL,
    purpose TEXT NOT NULL,
    offence TEXT NOT NULL,
    urgency TEXT NOT NULL,
    selectors INTEGER NOT NULL,
    hit INTEGER,
    state TEXT NOT NULL,
    at INTEGER NOT NULL,
    due INTEGER NOT NULL,
    extended INTEGER NOT NULL DEFAULT 0,
    look INTEGER,
    author TEXT NOT NULL,
    approved_by TEXT NOT NULL DEFAULT '',
    ground TEXT NOT NULL DEFAULT '',
    usefulness INTEGER NOT NULL DEFAULT 0,
    feedback TEXT NOT NULL DEFAULT ''
);
CREATE INDEX request_object ON request (side, object_id);
CREATE INDEX request_item ON request (item);
CREATE INDEX request_name ON request (name);
CREATE INDEX request_state ON request (side, state, number);
CREATE INDEX request_look ON request (look) WHERE look IS NOT NULL;

CREATE TABLE request_sequence (
    year INTEGER PRIMARY KEY,
    last INTEGER NOT NULL
);

CREATE TABLE request_event (
    number INTEGER PRIMARY KEY,
    request INTEGER NOT NULL REFERENCES request (number),
    at INTEGER NOT NULL,
    event TEXT NOT NULL,
    state TEXT NOT NULL,
    said_by TEXT NOT NULL,
    digest TEXT NOT NULL
);
CREATE INDEX request_event_request ON request_event (request, number);
CREATE INDEX request_event_digest ON request_event (digest);

CREATE TABLE request_answer (
    request INTEGER NOT NULL REFERENCES request (number),
    object_id TEXT NOT NULL,
    version TEXT NOT NULL,
    PRIMARY KEY (request, object_id, version)
) WITHOUT ROWID;
CREATE INDEX request_answer_object ON request_answer (object_id);

CREATE TABLE request_early (
    sender TEXT NOT NULL,
    object_id TEXT NOT NULL,
    digest TEXT NOT NULL,
    at INTEGER NOT NULL,
    raw BLOB NOT NULL,
    PRIMARY KEY (sender, object_id, digest)
) WITHOUT ROWID;

CREATE TABLE request_template (
    name TEXT PRIMARY KEY,
    body TEXT NOT NULL,
    made_by TEXT NOT NULL,
    at INTEGER NOT NULL
) WITHOUT ROWID;
