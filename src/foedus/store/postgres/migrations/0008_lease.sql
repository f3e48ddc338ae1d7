-- Which process leads, the head it may have signed last, and nonces of signed requests.

CREATE TABLE lease (
  only_row smallint PRIMARY KEY DEFAULT 1 CHECK (only_row = 1),
  holder text COLLATE "C" NOT NULL,
  place text COLLATE "C" NOT NULL,
  fence bigint NOT NULL,
  expires timestamptz NOT NULL
);

CREATE TABLE shared_head (
  origin text COLLATE "C" PRIMARY KEY,
  size bigint NOT NULL,
  root bytea NOT NULL,
  fence bigint NOT NULL,
  note_size bigint NOT NULL DEFAULT -1,
  note bytea NOT NULL DEFAULT ''
);

-- Not worth a log: lost with a crash of the server, and with it a minute of memory.
CREATE UNLOGGED TABLE nonce (
  key_id text COLLATE "C" NOT NULL,
  nonce text COLLATE "C" NOT NULL,
  seen timestamptz NOT NULL,
  PRIMARY KEY (key_id, nonce)
);
CREATE INDEX nonce_seen ON nonce (seen);

-- Rises whenever bytes that are served were taken away or changed: a replica that has not seen the
-- newest of these serves nothing.
CREATE TABLE removal (only_row bigint PRIMARY KEY CHECK (only_row = 1), revision bigint NOT NULL);
INSERT INTO removal (only_row, revision) VALUES (1, 0);
CREATE FUNCTION note_removal() RETURNS trigger LANGUAGE plpgsql AS
  'BEGIN UPDATE removal SET revision = revision + 1; RETURN NULL; END';
CREATE TRIGGER removed AFTER DELETE OR UPDATE ON item_bytes
  FOR EACH STATEMENT EXECUTE FUNCTION note_removal();
CREATE TRIGGER removed AFTER UPDATE OF object_id, version ON item
  FOR EACH STATEMENT EXECUTE FUNCTION note_removal();
CREATE TRIGGER removed AFTER DELETE OR UPDATE ON feed_row
  FOR EACH STATEMENT EXECUTE FUNCTION note_removal();
CREATE TRIGGER removed AFTER DELETE OR UPDATE OF added, first ON batch
  FOR EACH STATEMENT EXECUTE FUNCTION note_removal();
CREATE TRIGGER removed AFTER DELETE OR UPDATE OF raw, added ON collection_object
  FOR EACH STATEMENT EXECUTE FUNCTION note_removal();
CREATE TRIGGER removed AFTER DELETE ON collection
  FOR EACH STATEMENT EXECUTE FUNCTION note_removal();
