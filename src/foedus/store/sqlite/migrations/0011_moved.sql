-- Where the store was moved to, or that a move to it is not finished; '' where the node runs on it.
ALTER TABLE node ADD COLUMN moved TEXT NOT NULL DEFAULT '';
