-- Where the owner takes calls, for those that stand by and forward connections to it.
ALTER TABLE warren.shards ADD COLUMN address text;
COMMENT ON COLUMN warren.shards.address IS
  'HOST:PORT at which the owner takes calls; those that stand by forward connections there. Null: '
  'it hasn''t said.';
