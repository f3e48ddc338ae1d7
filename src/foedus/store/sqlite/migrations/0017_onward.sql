-- Consents asked for, onward holders, feedback, deconfliction.

-- What we passed on of another member's items; told is when its originator was told so.
CREATE TABLE passed_on (
    handle INTEGER NOT NULL REFERENCES item (handle),
    recipient TEXT NOT NULL,
    treaty TEXT NOT NULL,
    at INTEGER NOT NULL,
    told INTEGER,
    PRIMARY KEY (handle, recipient)
) WITHOUT ROWID;
CREATE INDEX passed_on_untold ON passed_on (at, handle) WHERE told IS NULL;

-- Who holds an item of ours that another member passed on. The row outlasts the item's erasure, for
-- orders still to come: it names no item but by its number here.
CREATE TABLE onward_holder (
    handle INTEGER NOT NULL REFERENCES item (handle),
    holder TEXT NOT NULL,
    via TEXT NOT NULL,
    at INTEGER NOT NULL,
    PRIMARY KEY (handle, holder, via)
) WITHOUT ROWID;

-- Consents asked for: by us (ours is 1) or of us. consent is the number of the one that was given.
CREATE TABLE consent_request (
    number INTEGER PRIMARY KEY,
    digest TEXT NOT NULL UNIQUE,
    ours INTEGER NOT NULL,
    member TEXT NOT NULL,
    handle INTEGER NOT NULL REFERENCES item (handle),
    recipient TEXT NOT NULL,
    treaty TEXT NOT NULL,
    purpose TEXT NOT NULL,
    life INTEGER NOT NULL,
    until INTEGER NOT NULL,
    at INTEGER NOT NULL,
    due INTEGER NOT NULL,
    state TEXT NOT NULL,
    answered INTEGER,
    answered_by TEXT NOT NULL,
    ground TEXT NOT NULL,
    consent INTEGER,
    consent_digest TEXT NOT NULL
);
CREATE INDEX consent_request_due ON consent_request (due, number) WHERE state = 'asked';
CREATE INDEX consent_request_item ON consent_request (handle);
CREATE INDEX consent_request_given ON consent_request (consent_digest) WHERE consent_digest <> '';

-- Consents taken back by their originator, also before they arrived here.
CREATE TABLE consent_withdrawn (
    digest TEXT NOT NULL,
    originator TEXT NOT NULL,
    at INTEGER NOT NULL,
    PRIMARY KEY (digest, originator)
) WITHOUT ROWID;

-- On what conditions an item was passed on to us, as its originator signed them.
CREATE TABLE copy_condition (
    handle INTEGER NOT NULL REFERENCES item (handle),
    digest TEXT NOT NULL,
    words TEXT NOT NULL,
    keep_until INTEGER,
    PRIMARY KEY (handle, digest)
) WITHOUT ROWID;

-- What members say of items: item is the opinion or note, about the version it speaks of.
CREATE TABLE feedback (
    item INTEGER NOT NULL REFERENCES item (handle),
    about INTEGER NOT NULL REFERENCES item (handle),
    author TEXT NOT NULL,
    stance TEXT NOT NULL,
    at INTEGER NOT NULL,
    PRIMARY KEY (item, about)
) WITHOUT ROWID;
CREATE INDEX feedback_about ON feedback (about, item);

-- Hits on a selector that we and another member have given each other.
CREATE TABLE shared_matter (
    hit INTEGER NOT NULL REFERENCES hit (number) ON DELETE CASCADE,
    member TEXT NOT NULL,
    at INTEGER NOT NULL,
    PRIMARY KEY (hit, member)
) WITHOUT ROWID;
CREATE INDEX shared_matter_member ON shared_matter (member, hit);

-- A hit is found by either of its items.
CREATE INDEX hit_held ON hit (held);
