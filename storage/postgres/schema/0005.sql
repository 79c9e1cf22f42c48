-- Policies: options that a name pattern gives to queues and exchanges.
CREATE TABLE warren.policies (
  virtual_host_bytes bytea NOT NULL,
  name_bytes bytea NOT NULL,
  virtual_host text NOT NULL,
  name text NOT NULL,
  pattern text NOT NULL,
  priority integer NOT NULL,
  record bytea NOT NULL,
  PRIMARY KEY (virtual_host_bytes, name_bytes)
);
COMMENT ON TABLE warren.policies IS 'Policies of each virtual host.';
COMMENT ON COLUMN warren.policies.virtual_host_bytes IS 'Exact name of the virtual host.';
COMMENT ON COLUMN warren.policies.name_bytes IS 'Exact name.';
COMMENT ON COLUMN warren.policies.virtual_host IS 'Readable name of the virtual host.';
COMMENT ON COLUMN warren.policies.name IS 'Readable name.';
COMMENT ON COLUMN warren.policies.pattern IS 'Readable; which names it matches, in RE2.';
COMMENT ON COLUMN warren.policies.priority IS 'Of those that match the one of the highest counts.';
COMMENT ON COLUMN warren.policies.record IS
  'What the broker reads at start; what the policy is for and the options that it sets are in it.';
