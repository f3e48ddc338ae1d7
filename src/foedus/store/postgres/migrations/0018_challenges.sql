-- Challenges and subject access.

-- A person's challenge, of this member or sent on by another; no name of the person stands anywhere:
-- reference is the local one of the case. wake is when the clock next has to look at it.
CREATE TABLE challenge (
    number bigint PRIMARY KEY DEFAULT next_number('challenge', 'number'),
    name text COLLATE "C" NOT NULL UNIQUE,
    year bigint NOT NULL,
    sequence bigint NOT NULL,
    side text COLLATE "C" NOT NULL,
    sender text COLLATE "C" NOT NULL,
    treaty text COLLATE "C" NOT NULL,
    reference text COLLATE "C" NOT NULL,
    received bigint NOT NULL,
    received_year bigint NOT NULL,
    block_due bigint NOT NULL,
    decide_due bigint NOT NULL,
    opened bigint NOT NULL,
    opened_by text COLLATE "C" NOT NULL,
    entry_index bigint NOT NULL REFERENCES ledger_entry (position) DEFERRABLE,
    state text COLLATE "C" NOT NULL,
    outcome text COLLATE "C" NOT NULL,
    blocked bigint,
    decided bigint,
    decided_by text COLLATE "C" NOT NULL,
    closed bigint,
    proposed text COLLATE "C" NOT NULL,
    proposed_by text COLLATE "C" NOT NULL,
    proposed_at bigint,
    done text COLLATE "C" NOT NULL,
    wake bigint
);
CREATE INDEX challenge_wake ON challenge (wake, number) WHERE wake IS NOT NULL;
CREATE INDEX challenge_year ON challenge (received_year, number);
CREATE INDEX challenge_numbered ON challenge (side, year, sequence);

-- What people wrote of a case, in one row that can be erased; the case itself stays.
CREATE TABLE challenge_words (
    challenge bigint PRIMARY KEY REFERENCES challenge (number) DEFERRABLE,
    intake text COLLATE "C" NOT NULL,
    reason text COLLATE "C" NOT NULL
);

-- HMACs of what the person gave, under the node's secret: whether the same person turned to us
-- before can be told by who has the secret and the value, and by nobody else.
CREATE TABLE challenge_mark (
    mark bytea NOT NULL,
    kind text COLLATE "C" NOT NULL,
    number bigint NOT NULL,
    PRIMARY KEY (mark, kind, number)
);

-- The item versions a challenge concerns. blocking is 1 while the challenge keeps one blocked.
CREATE TABLE challenge_item (
    challenge bigint NOT NULL REFERENCES challenge (number) DEFERRABLE,
    handle bigint NOT NULL REFERENCES item (handle) DEFERRABLE,
    blocked bigint,
    blocking bigint NOT NULL,
    PRIMARY KEY (challenge, handle)
);
CREATE INDEX challenge_item_blocking ON challenge_item (handle) WHERE blocking = 1;

-- Orders that carry a challenge out: those that block, and those of its outcome.
CREATE TABLE challenge_order (
    challenge bigint NOT NULL REFERENCES challenge (number) DEFERRABLE,
    name text COLLATE "C" NOT NULL,
    purpose text COLLATE "C" NOT NULL,
    PRIMARY KEY (challenge, name)
);

-- What was sent on to the originators of items concerned, and their word.
CREATE TABLE challenge_referral (
    challenge bigint NOT NULL REFERENCES challenge (number) DEFERRABLE,
    member text COLLATE "C" NOT NULL,
    sent bigint NOT NULL,
    items bigint NOT NULL,
    word text COLLATE "C" NOT NULL,
    blocked bigint,
    answered bigint,
    PRIMARY KEY (challenge, member)
);

-- A deadline that passed; never removed, closed by an officer with a reason.
CREATE TABLE challenge_breach (
    record bigint PRIMARY KEY DEFAULT next_number('challenge_breach', 'record'),
    kind text COLLATE "C" NOT NULL,
    number bigint NOT NULL,
    what text COLLATE "C" NOT NULL,
    member text COLLATE "C" NOT NULL,
    due bigint NOT NULL,
    noted bigint NOT NULL,
    entry_index bigint NOT NULL REFERENCES ledger_entry (position) DEFERRABLE,
    made_good bigint,
    closed bigint,
    closed_by text COLLATE "C" NOT NULL,
    reason text COLLATE "C" NOT NULL,
    UNIQUE (kind, number, what, member)
);
CREATE INDEX challenge_breach_open ON challenge_breach (record) WHERE closed IS NULL;

-- A person's request to see what is held.
CREATE TABLE access_request (
    number bigint PRIMARY KEY DEFAULT next_number('access_request', 'number'),
    name text COLLATE "C" NOT NULL UNIQUE,
    year bigint NOT NULL,
    sequence bigint NOT NULL,
    reference text COLLATE "C" NOT NULL,
    received bigint NOT NULL,
    received_year bigint NOT NULL,
    due bigint NOT NULL,
    opened bigint NOT NULL,
    opened_by text COLLATE "C" NOT NULL,
    entry_index bigint NOT NULL REFERENCES ledger_entry (position) DEFERRABLE,
    state text COLLATE "C" NOT NULL,
    ended bigint,
    ended_by text COLLATE "C" NOT NULL,
    words text COLLATE "C" NOT NULL,
    done text COLLATE "C" NOT NULL,
    wake bigint
);
CREATE INDEX access_request_wake ON access_request (wake, number) WHERE wake IS NOT NULL;
CREATE INDEX access_request_year ON access_request (received_year, number);
CREATE INDEX access_request_numbered ON access_request (year, sequence);

-- Finds who made a disclosure by its recipient and log entry.
CREATE INDEX act_subject ON act (act, subject);
