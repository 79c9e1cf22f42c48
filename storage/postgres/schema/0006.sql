-- Limits of a virtual host.
ALTER TABLE warren.virtual_hosts
  ADD COLUMN max_queues bigint,
  ADD COLUMN max_streams bigint,
  ADD COLUMN max_message_bytes bigint;
COMMENT ON COLUMN warren.virtual_hosts.max_queues IS 'Most queues in it. Null: no limit.';
COMMENT ON COLUMN warren.virtual_hosts.max_streams IS
  'Most streams that publish to it or consume from it. Null: no limit.';
COMMENT ON COLUMN warren.virtual_hosts.max_message_bytes IS
  'Largest body of a message that is published to it. Null: no limit.';
