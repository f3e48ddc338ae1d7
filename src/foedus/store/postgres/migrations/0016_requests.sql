-- Requests for information, asked and received, and their clocks. What a request says stands in its
-- item; here stand figures, ids and closed words. "item" is no foreign key: a row outlives its item.

CREATE TABLE request (
    number bigint PRIMARY KEY DEFAULT next_number('request', 'number'),
    side text COLLATE "C" NOT NULL,
    name text COLLATE "C" NOT NULL,
    member text COLLATE "C" NOT NULL,
    object_id text COLLATE "C" NOT NULL,
    item bigint NOT NULL,
    treaty text COLLATE "C" NOT NULL,
    article text COLLATE "C" NOT NULL,
    purpose text COLLATE "C" NOT NULL,
    offence text COLLATE "C" NOT NULL,
    urgency text COLLATE "C" NOT NULL,
    selectors bigint NOT NULL,
    hit bigint,
    state text COLLATE "C" NOT NULL,
    at bigint NOT NULL,
    due bigint NOT NULL,
    extended bigint NOT NULL DEFAULT 0,
    look bigint,
    author text COLLATE "C" NOT NULL,
    approved_by text COLLATE "C" NOT NULL DEFAULT '',
    ground text COLLATE "C" NOT NULL DEFAULT '',
    usefulness bigint NOT NULL DEFAULT 0,
    feedback text COLLATE "C" NOT NULL DEFAULT ''
);
CREATE INDEX request_object ON request (side, object_id);
CREATE INDEX request_item ON request (item);
CREATE INDEX request_name ON request (name);
CREATE INDEX request_state ON request (side, state, number);
CREATE INDEX request_look ON request (look) WHERE look IS NOT NULL;

CREATE TABLE request_sequence (
    year bigint PRIMARY KEY,
    last bigint NOT NULL
);

CREATE TABLE request_event (
    number bigint PRIMARY KEY DEFAULT next_number('request_event', 'number'),
    request bigint NOT NULL REFERENCES request (number) DEFERRABLE,
    at bigint NOT NULL,
    event text COLLATE "C" NOT NULL,
    state text COLLATE "C" NOT NULL,
    said_by text COLLATE "C" NOT NULL,
    digest text COLLATE "C" NOT NULL
);
CREATE INDEX request_event_request ON request_event (request, number);
CREATE INDEX request_event_digest ON request_event (digest);

CREATE TABLE request_answer (
    request bigint NOT NULL REFERENCES request (number) DEFERRABLE,
    object_id text COLLATE "C" NOT NULL,
    version text COLLATE "C" NOT NULL,
    PRIMARY KEY (request, object_id, version)
);
CREATE INDEX request_answer_object ON request_answer (object_id);

CREATE TABLE request_early (
    sender text COLLATE "C" NOT NULL,
    object_id text COLLATE "C" NOT NULL,
    digest text COLLATE "C" NOT NULL,
    at bigint NOT NULL,
    raw bytea NOT NULL,
    PRIMARY KEY (sender, object_id, digest)
);

CREATE TABLE request_template (
    name text COLLATE "C" PRIMARY KEY,
    body text COLLATE "C" NOT NULL,
    made_by text COLLATE "C" NOT NULL,
    at bigint NOT NULL
);
