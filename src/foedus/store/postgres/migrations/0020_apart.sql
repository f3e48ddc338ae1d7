-- What is hidden stands apart from what visible queries read, so that they do as much work whatever
-- is hidden: words, selectors, ids and hits.

-- Of items neither visible nor drafts.
CREATE TABLE apart_text (
    added bigint PRIMARY KEY,
    title text COLLATE "C" NOT NULL,
    text text COLLATE "C" NOT NULL,
    words bigint[] NOT NULL
);
INSERT INTO apart_text SELECT t.* FROM item_text t JOIN item i ON i.added = t.added
    WHERE i.state <> 'held';
INSERT INTO apart_text SELECT t.* FROM draft_text t JOIN item i ON i.added = t.added
    WHERE i.state <> 'draft';
CREATE INDEX apart_text_words ON apart_text USING gin (words);
DELETE FROM item_text WHERE added IN (SELECT added FROM apart_text);
DELETE FROM draft_text WHERE added IN (SELECT added FROM apart_text);

-- Whether a visible item carries a selector; one index answers those who see all and those who do not.
ALTER TABLE selector ADD COLUMN shown bigint NOT NULL DEFAULT 0;
UPDATE selector SET shown = 1 WHERE EXISTS
    (SELECT 1 FROM posting p WHERE p.selector = selector.selector AND p.hidden = 0);
DROP INDEX selector_hash;
CREATE INDEX selector_hash ON selector (hash, shown);

-- Versions of an id, or of a local number, in the states a question is about.
CREATE INDEX item_name ON item (object_id, state);
DROP INDEX item_number;
CREATE INDEX item_number ON item (number_year, number_sequence, state)
    WHERE number_year IS NOT NULL;

-- A hit is hidden while one of its items is restricted.
ALTER TABLE hit ADD COLUMN hidden bigint NOT NULL DEFAULT 0;
UPDATE hit SET hidden = 1
    WHERE arrived IN (SELECT handle FROM item WHERE state = 'restricted')
    OR held IN (SELECT handle FROM item WHERE state = 'restricted');
DROP INDEX hit_state;
CREATE INDEX hit_state ON hit (hidden, state, number);
CREATE INDEX hit_shown ON hit (hidden, number, state);
