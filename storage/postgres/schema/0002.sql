-- What was refused of a producer is as durable as how far it has come.
ALTER TABLE warren.producers ADD COLUMN refused text NOT NULL DEFAULT '';
COMMENT ON COLUMN warren.producers.refused IS
  'But for these, as in 6-8,12; the broker forgets old ones.';
COMMENT ON COLUMN warren.producers.last_sequence IS
  'What it sent up to this number was taken, but for what was refused.';
