-- Users are made by the API, too, and virtual hosts can be deleted.
CREATE TABLE warren.users (
  name_bytes bytea PRIMARY KEY,
  name text NOT NULL,
  tags text[] NOT NULL,
  record bytea NOT NULL
);
COMMENT ON TABLE warren.users IS 'Users that were made by the API; those of the users file aren''t here.';
COMMENT ON COLUMN warren.users.name_bytes IS 'Exact name.';
COMMENT ON COLUMN warren.users.name IS 'Readable name.';
COMMENT ON COLUMN warren.users.tags IS 'Readable tags.';
COMMENT ON COLUMN warren.users.record IS
  'What the broker reads at start; the hash of the password and the permissions are in it.';
ALTER TABLE warren.virtual_hosts ADD COLUMN deleting boolean NOT NULL DEFAULT false;
COMMENT ON COLUMN warren.virtual_hosts.deleting IS
  'It is gone for clients, and the broker is still removing what was in it.';
