-- Where the store was moved to, or that a move to it is not finished; '' where the node runs on it.
ALTER TABLE node ADD COLUMN moved text COLLATE "C" NOT NULL DEFAULT '';
