-- How people sign on. Secrets stand here as hashes, or not at all: the key of a second factor is
-- derived from its salt and a secret that is not in the store.

ALTER TABLE "user" ADD COLUMN disabled bigint;

CREATE TABLE account (
    "user" text COLLATE "C" PRIMARY KEY REFERENCES "user" (name) DEFERRABLE,
    password text COLLATE "C" NOT NULL,
    password_set bigint,
    temporary bigint NOT NULL,
    totp_salt bytea,
    totp_confirmed bigint,
    totp_step bigint NOT NULL
);

-- Of users, of buckets of names nobody has, and of devices.
CREATE TABLE sign_on_failure (
    key text COLLATE "C" PRIMARY KEY,
    count bigint NOT NULL,
    last bigint NOT NULL
);

CREATE TABLE recovery_code (
    "user" text COLLATE "C" NOT NULL REFERENCES "user" (name) DEFERRABLE,
    digest bytea NOT NULL,
    PRIMARY KEY ("user", digest)
);

CREATE TABLE person_session (
    session_id text COLLATE "C" PRIMARY KEY,
    digest bytea NOT NULL UNIQUE,
    "user" text COLLATE "C" NOT NULL REFERENCES "user" (name) DEFERRABLE,
    how text COLLATE "C" NOT NULL,
    created bigint NOT NULL,
    seen bigint NOT NULL,
    stale bigint NOT NULL
);
CREATE INDEX person_session_user ON person_session ("user");

CREATE TABLE provider_binding (
    issuer text COLLATE "C" NOT NULL,
    subject text COLLATE "C" NOT NULL,
    "user" text COLLATE "C" NOT NULL REFERENCES "user" (name) DEFERRABLE,
    created bigint NOT NULL,
    by_group bigint NOT NULL,
    PRIMARY KEY (issuer, subject)
);

-- Who had a hand in an item: they do not decide on its release. Gone with the item.
CREATE TABLE item_hand (
    item bigint NOT NULL REFERENCES item (handle) ON DELETE CASCADE DEFERRABLE,
    part text COLLATE "C" NOT NULL,
    "user" text COLLATE "C" NOT NULL,
    PRIMARY KEY (item, part, "user")
);
