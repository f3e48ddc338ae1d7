-- Consents asked for, onward holders, feedback, deconfliction.

-- What we passed on of another member's items; told is when its originator was told so.
CREATE TABLE passed_on (
    handle bigint NOT NULL REFERENCES item (handle) DEFERRABLE,
    recipient text COLLATE "C" NOT NULL,
    treaty text COLLATE "C" NOT NULL,
    at bigint NOT NULL,
    told bigint,
    PRIMARY KEY (handle, recipient)
);
CREATE INDEX passed_on_untold ON passed_on (at, handle) WHERE told IS NULL;

-- Who holds an item of ours that another member passed on. The row outlasts the item's erasure, for
-- orders still to come: it names no item but by its number here.
CREATE TABLE onward_holder (
    handle bigint NOT NULL REFERENCES item (handle) DEFERRABLE,
    holder text COLLATE "C" NOT NULL,
    via text COLLATE "C" NOT NULL,
    at bigint NOT NULL,
    PRIMARY KEY (handle, holder, via)
);

-- Consents asked for: by us (ours is 1) or of us. consent is the number of the one that was given.
CREATE TABLE consent_request (
    number bigint PRIMARY KEY DEFAULT next_number('consent_request', 'number'),
    digest text COLLATE "C" NOT NULL UNIQUE,
    ours bigint NOT NULL,
    member text COLLATE "C" NOT NULL,
    handle bigint NOT NULL REFERENCES item (handle) DEFERRABLE,
    recipient text COLLATE "C" NOT NULL,
    treaty text COLLATE "C" NOT NULL,
    purpose text COLLATE "C" NOT NULL,
    life bigint NOT NULL,
    until bigint NOT NULL,
    at bigint NOT NULL,
    due bigint NOT NULL,
    state text COLLATE "C" NOT NULL,
    answered bigint,
    answered_by text COLLATE "C" NOT NULL,
    ground text COLLATE "C" NOT NULL,
    consent bigint,
    consent_digest text COLLATE "C" NOT NULL
);
CREATE INDEX consent_request_due ON consent_request (due, number) WHERE state = 'asked';
CREATE INDEX consent_request_item ON consent_request (handle);
CREATE INDEX consent_request_given ON consent_request (consent_digest) WHERE consent_digest <> '';

-- Consents taken back by their originator, also before they arrived here.
CREATE TABLE consent_withdrawn (
    digest text COLLATE "C" NOT NULL,
    originator text COLLATE "C" NOT NULL,
    at bigint NOT NULL,
    PRIMARY KEY (digest, originator)
);

-- On what conditions an item was passed on to us, as its originator signed them.
CREATE TABLE copy_condition (
    handle bigint NOT NULL REFERENCES item (handle) DEFERRABLE,
    digest text COLLATE "C" NOT NULL,
    words text COLLATE "C" NOT NULL,
    keep_until bigint,
    PRIMARY KEY (handle, digest)
);

-- What members say of items: item is the opinion or note, about the version it speaks of.
CREATE TABLE feedback (
    item bigint NOT NULL REFERENCES item (handle) DEFERRABLE,
    about bigint NOT NULL REFERENCES item (handle) DEFERRABLE,
    author text COLLATE "C" NOT NULL,
    stance text COLLATE "C" NOT NULL,
    at bigint NOT NULL,
    PRIMARY KEY (item, about)
);
CREATE INDEX feedback_about ON feedback (about, item);

-- Hits on a selector that we and another member have given each other.
CREATE TABLE shared_matter (
    hit bigint NOT NULL REFERENCES hit (number) ON DELETE CASCADE DEFERRABLE,
    member text COLLATE "C" NOT NULL,
    at bigint NOT NULL,
    PRIMARY KEY (hit, member)
);
CREATE INDEX shared_matter_member ON shared_matter (member, hit);

-- A hit is found by either of its items.
CREATE INDEX hit_held ON hit (held);
