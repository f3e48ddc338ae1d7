-- How people sign on. Secrets stand here as hashes, or not at all: the key of a second factor is
-- derived from its salt and a secret that is not in the store.

ALTER TABLE "user" ADD COLUMN disabled INTEGER;

CREATE TABLE account (
    "user" TEXT PRIMARY KEY REFERENCES "user" (name),
    password TEXT NOT NULL,
    password_set INTEGER,
    temporary INTEGER NOT NULL,
    totp_salt BLOB,
    totp_confirmed INTEGER,
    totp_step INTEGER NOT NULL
) WITHOUT ROWID;

-- Of users, of buckets of names nobody has, and of devices.
CREATE TABLE sign_on_failure (
    key TEXT PRIMARY KEY,
    count INTEGER NOT NULL,
    last INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE recovery_code (
    "user" TEXT NOT NULL REFERENCES "user" (name),
    digest BLOB NOT NULL,
    PRIMARY KEY ("user", digest)
) WITHOUT ROWID;

CREATE TABLE person_session (
    session_id TEXT PRIMARY KEY,
    digest BLOB NOT NULL UNIQUE,
    "user" TEXT NOT NULL REFERENCES "user" (name),
    how TEXT NOT NULL,
    created INTEGER NOT NULL,
    seen INTEGER NOT NULL,
    stale INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX person_session_user ON person_session ("user");

CREATE TABLE provider_binding (
    issuer TEXT NOT NULL,
    subject TEXT NOT NULL,
    "user" TEXT NOT NULL REFERENCES "user" (name),
    created INTEGER NOT NULL,
    by_group INTEGER NOT NULL,
    PRIMARY KEY (issuer, subject)
) WITHOUT ROWID;

-- Who had a hand in an item: they do not decide on its release. Gone with the item.
CREATE TABLE item_hand (
    item INTEGER NOT NULL REFERENCES item (handle) ON DELETE CASCADE,
    part TEXT NOT NULL,
    "user" TEXT NOT NULL,
    PRIMARY KEY (item, part, "user")
) WITHOUT ROWID;
