-- What a release rests on besides the law, and what it binds to afterwards. Envelopes are the exact
-- bytes that were signed; they prove the rows, never the other way round.

-- Changes whenever a ground may fall away: a withdrawal, or a change of somebody's roles.
INSERT INTO counter (name, value) VALUES ('grounds_revision', 0);

CREATE TABLE approval (
    number bigint PRIMARY KEY DEFAULT next_number('approval', 'number'),
    subject text COLLATE "C" NOT NULL,
    item bigint NOT NULL REFERENCES item (handle) DEFERRABLE,
    recipient text COLLATE "C" NOT NULL,
    treaty text COLLATE "C" NOT NULL,
    article text COLLATE "C" NOT NULL,
    purpose text COLLATE "C" NOT NULL,
    threat_to_life bigint NOT NULL,
    "user" text COLLATE "C" NOT NULL,
    at bigint NOT NULL,
    envelope bytea NOT NULL,
    entry_index bigint NOT NULL REFERENCES ledger_entry (position) DEFERRABLE,
    withdrawn bigint,
    withdrawn_by text COLLATE "C" NOT NULL
);
-- One live word per person and subject.
CREATE UNIQUE INDEX approval_word ON approval (subject, "user") WHERE withdrawn IS NULL;
CREATE INDEX approval_item ON approval (recipient, item) WHERE withdrawn IS NULL;

CREATE TABLE consent (
    number bigint PRIMARY KEY DEFAULT next_number('consent', 'number'),
    digest text COLLATE "C" NOT NULL UNIQUE,
    given bigint NOT NULL,
    originator text COLLATE "C" NOT NULL,
    object_id text COLLATE "C" NOT NULL,
    version text COLLATE "C" NOT NULL,
    content_hash text COLLATE "C" NOT NULL,
    recipient text COLLATE "C" NOT NULL,
    treaty text COLLATE "C" NOT NULL,
    purpose text COLLATE "C" NOT NULL,
    "user" text COLLATE "C" NOT NULL,
    at bigint NOT NULL,
    until bigint NOT NULL,
    envelope bytea NOT NULL,
    entry_index bigint NOT NULL REFERENCES ledger_entry (position) DEFERRABLE,
    withdrawn bigint,
    withdrawn_by text COLLATE "C" NOT NULL
);
CREATE INDEX consent_use ON consent (recipient, treaty, purpose, until) WHERE withdrawn IS NULL;

-- One row for each batch, kind and side; a batch sent is numbered in our log, one received in its
-- sender's.
CREATE TABLE duty (
    number bigint PRIMARY KEY DEFAULT next_number('duty', 'number'),
    kind text COLLATE "C" NOT NULL,
    side text COLLATE "C" NOT NULL,
    member text COLLATE "C" NOT NULL,
    treaty text COLLATE "C" NOT NULL,
    article text COLLATE "C" NOT NULL,
    lane text COLLATE "C" NOT NULL,
    lane_count bigint NOT NULL,
    entry_index bigint NOT NULL,
    items bigint NOT NULL,
    at bigint NOT NULL,
    due bigint NOT NULL,
    done bigint,
    done_by text COLLATE "C" NOT NULL,
    reason text COLLATE "C" NOT NULL,
    UNIQUE (side, member, entry_index, kind)
);
CREATE INDEX duty_open ON duty (due, number) WHERE done IS NULL;
CREATE INDEX duty_lane ON duty (side, member, lane, kind, lane_count) WHERE done IS NULL;
