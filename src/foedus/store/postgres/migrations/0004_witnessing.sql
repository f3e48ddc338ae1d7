-- Witnessing: what this node vouches for of others' logs, what others vouch for of its own, and
-- what is known of everybody's heads.

-- As witness: the head this node cosigned last, of each log. It is stored before it is answered.
CREATE TABLE cosigned_log (
    origin text COLLATE "C" PRIMARY KEY,
    name text COLLATE "C" NOT NULL UNIQUE,
    size bigint NOT NULL CHECK (size >= 0),
    note bytea NOT NULL,
    at bigint NOT NULL
);

-- The size never goes back, whatever the code does.
CREATE FUNCTION cosigned_log_never_back() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'a witness never goes back';
END
$$;
CREATE TRIGGER cosigned_log_never_back BEFORE UPDATE OF size ON cosigned_log
FOR EACH ROW WHEN (new.size < old.size) EXECUTE FUNCTION cosigned_log_never_back();

-- As log: heads that members cosigned, each as the log signed it, and their lines.
CREATE TABLE own_head (
    size bigint PRIMARY KEY,
    note bytea NOT NULL
);

CREATE TABLE own_cosignature (
    size bigint NOT NULL REFERENCES own_head (size) ON DELETE CASCADE DEFERRABLE,
    member text COLLATE "C" NOT NULL,
    lines bytea NOT NULL,
    PRIMARY KEY (size, member)
);

-- The largest size of our log that each member cosigned; outlives the heads above.
CREATE TABLE own_witness (
    member text COLLATE "C" PRIMARY KEY,
    size bigint NOT NULL,
    at bigint NOT NULL
);

-- The newest head known of each log, our own included; each contains the one that stood before it.
CREATE TABLE heard_head (
    origin text COLLATE "C" PRIMARY KEY,
    member text COLLATE "C" NOT NULL,
    size bigint NOT NULL,
    root bytea NOT NULL,
    note bytea NOT NULL,
    shown_by text COLLATE "C" NOT NULL,
    at bigint NOT NULL
);

-- Proofs that a member's log signed two histories; one for each log is enough.
CREATE TABLE log_fork (
    origin text COLLATE "C" PRIMARY KEY,
    member text COLLATE "C" NOT NULL,
    smaller bigint NOT NULL,
    larger bigint NOT NULL,
    proof bytea NOT NULL,
    shown_by text COLLATE "C" NOT NULL,
    at bigint NOT NULL
);

CREATE INDEX log_fork_member ON log_fork (member);
