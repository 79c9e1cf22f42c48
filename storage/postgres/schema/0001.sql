-- What the broker keeps, as rows that people can read. docs/postgresql.md says what may be run on
-- them; the views at the end are made for it. Names are exact where a column is bytea; beside it
-- stands a readable text, where bytes that are no text show as U+FFFD.

CREATE TABLE warren.shards (
  shard int PRIMARY KEY,
  owner text,
  epoch bigint NOT NULL,
  expires_at timestamptz NOT NULL,
  last_batch bigint NOT NULL,
  ids_below bigint NOT NULL
) WITH (fillfactor = 10);
COMMENT ON TABLE warren.shards IS 'Which broker owns the data, and how far it wrote.';
COMMENT ON COLUMN warren.shards.shard IS 'Always 0.';
COMMENT ON COLUMN warren.shards.owner IS
  'The broker: host, boot, process namespace, process, its start time. Null: given up.';
COMMENT ON COLUMN warren.shards.epoch IS
  'Raised by each new owner; the one before can write no more.';
COMMENT ON COLUMN warren.shards.expires_at IS 'Until then nobody else may take over.';
COMMENT ON COLUMN warren.shards.last_batch IS 'Number of the last group commit of this epoch.';
COMMENT ON COLUMN warren.shards.ids_below IS 'All ids given out are below it; 0 before the first.';
INSERT INTO warren.shards VALUES (0, NULL, 0, '-infinity', 0, 0);

CREATE TABLE warren.virtual_hosts (
  name_bytes bytea PRIMARY KEY,
  name text NOT NULL
);
COMMENT ON TABLE warren.virtual_hosts IS 'Virtual hosts.';
COMMENT ON COLUMN warren.virtual_hosts.name_bytes IS 'Exact name.';
COMMENT ON COLUMN warren.virtual_hosts.name IS 'Readable name.';

CREATE TABLE warren.exchanges (
  id bigint PRIMARY KEY,
  virtual_host text NOT NULL,
  name text NOT NULL,
  type text NOT NULL,
  options jsonb NOT NULL,
  record bytea NOT NULL
);
COMMENT ON TABLE warren.exchanges IS 'Durable exchanges.';
COMMENT ON COLUMN warren.exchanges.id IS 'Never used again.';
COMMENT ON COLUMN warren.exchanges.virtual_host IS 'Readable name of its virtual host.';
COMMENT ON COLUMN warren.exchanges.name IS 'Readable name.';
COMMENT ON COLUMN warren.exchanges.type IS 'direct, fanout, topic or headers.';
COMMENT ON COLUMN warren.exchanges.options IS 'Readable options.';
COMMENT ON COLUMN warren.exchanges.record IS 'What the broker reads at start.';

CREATE TABLE warren.queues (
  id bigint PRIMARY KEY,
  virtual_host text NOT NULL,
  name text NOT NULL,
  options jsonb NOT NULL,
  record bytea NOT NULL
);
COMMENT ON TABLE warren.queues IS 'Durable queues.';
COMMENT ON COLUMN warren.queues.id IS 'Never used again.';
COMMENT ON COLUMN warren.queues.virtual_host IS 'Readable name of its virtual host.';
COMMENT ON COLUMN warren.queues.name IS 'Readable name.';
COMMENT ON COLUMN warren.queues.options IS 'Readable options.';
COMMENT ON COLUMN warren.queues.record IS 'What the broker reads at start.';

CREATE TABLE warren.queue_serving (
  queue bigint PRIMARY KEY,
  serving boolean NOT NULL,
  delivered_up_to bigint NOT NULL
) WITH (fillfactor = 50);
COMMENT ON TABLE warren.queue_serving IS
  'Which messages of a queue may have been delivered before the broker stopped.';
COMMENT ON COLUMN warren.queue_serving.queue IS 'The queue.';
COMMENT ON COLUMN warren.queue_serving.serving IS 'Any of its messages may have been delivered by now.';
COMMENT ON COLUMN warren.queue_serving.delivered_up_to IS
  'While it is not serving: messages up to this id may have been delivered.';

CREATE TABLE warren.bindings (
  id bigint PRIMARY KEY,
  source bigint NOT NULL,
  queue bigint,
  exchange bigint,
  routing_key text NOT NULL,
  arguments jsonb,
  record bytea NOT NULL
);
COMMENT ON TABLE warren.bindings IS 'Durable bindings.';
COMMENT ON COLUMN warren.bindings.id IS 'Never used again.';
COMMENT ON COLUMN warren.bindings.source IS 'The exchange that messages come from.';
COMMENT ON COLUMN warren.bindings.queue IS 'The queue that they go to, or null.';
COMMENT ON COLUMN warren.bindings.exchange IS 'The exchange that they go to, or null.';
COMMENT ON COLUMN warren.bindings.routing_key IS 'Readable key or pattern.';
COMMENT ON COLUMN warren.bindings.arguments IS 'Readable arguments, of a headers exchange.';
COMMENT ON COLUMN warren.bindings.record IS 'What the broker reads at start.';

CREATE TABLE warren.producers (
  virtual_host_bytes bytea,
  producer_bytes bytea,
  virtual_host text NOT NULL,
  producer text NOT NULL,
  last_sequence bigint NOT NULL,
  at_ms bigint NOT NULL,
  PRIMARY KEY (virtual_host_bytes, producer_bytes)
) WITH (fillfactor = 50);
COMMENT ON TABLE warren.producers IS 'How far each producer that numbers its messages has come.';
COMMENT ON COLUMN warren.producers.virtual_host_bytes IS 'Exact name of its virtual host.';
COMMENT ON COLUMN warren.producers.producer_bytes IS 'Exact name.';
COMMENT ON COLUMN warren.producers.virtual_host IS 'Readable name of its virtual host.';
COMMENT ON COLUMN warren.producers.producer IS 'Readable name.';
COMMENT ON COLUMN warren.producers.last_sequence IS 'What it sent up to this number was taken.';
COMMENT ON COLUMN warren.producers.at_ms IS
  'When that was, in milliseconds since 1970; see the function warren.instant.';

CREATE TABLE warren.deduplication (
  exchange bigint,
  queue bigint,
  message_id_bytes bytea,
  message_id text NOT NULL,
  until_ms bigint NOT NULL,
  PRIMARY KEY (exchange, queue, message_id_bytes)
);
COMMENT ON TABLE warren.deduplication IS
  'Message ids that an exchange or a queue has seen, and refuses for a while.';
COMMENT ON COLUMN warren.deduplication.exchange IS 'The exchange, or 0.';
COMMENT ON COLUMN warren.deduplication.queue IS 'The queue, or 0.';
COMMENT ON COLUMN warren.deduplication.message_id_bytes IS 'Exact id.';
COMMENT ON COLUMN warren.deduplication.message_id IS 'Readable id.';
COMMENT ON COLUMN warren.deduplication.until_ms IS
  'When it is forgotten, in milliseconds since 1970; see the function warren.instant.';

CREATE TABLE warren.segments (
  segment int PRIMARY KEY,
  kind text NOT NULL CHECK (kind IN ('published', 'kept')),
  made_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
COMMENT ON TABLE warren.segments IS 'The partitions of messages and settlements.';
COMMENT ON COLUMN warren.segments.segment IS 'Number of both partitions.';
COMMENT ON COLUMN warren.segments.kind IS
  'published: new messages go there; kept: what stayed when the segments before were dropped.';
COMMENT ON COLUMN warren.segments.made_at IS 'When the broker made it.';

-- Appended to and dropped by whole segments, so it needs no index by which to delete and leaves
-- nothing to vacuum. The broker makes and drops the partitions messages_N and settlements_N.
CREATE TABLE warren.messages (
  segment int NOT NULL,
  id bigint NOT NULL,
  published_at timestamptz,
  queues bigint[] NOT NULL,
  expires_at_ms bigint[],
  due_at_ms bigint[],
  delivery_counts bigint[],
  exchange text NOT NULL,
  routing_key text NOT NULL,
  priority smallint NOT NULL,
  expiration_ms bigint,
  properties jsonb,
  headers jsonb,
  deaths jsonb,
  exact bytea,
  body bytea NOT NULL
) PARTITION BY LIST (segment);
ALTER TABLE warren.messages ALTER COLUMN body SET STORAGE EXTERNAL;
ALTER TABLE warren.messages ALTER COLUMN exact SET STORAGE EXTERNAL;
COMMENT ON TABLE warren.messages IS
  'Messages as they came, also those that are gone: see the view queue_messages for live ones.';
COMMENT ON COLUMN warren.messages.segment IS 'Number of the partition.';
COMMENT ON COLUMN warren.messages.id IS 'Rises in the order of publishing; never used again.';
COMMENT ON COLUMN warren.messages.published_at IS
  'By the broker''s clock. Null: beyond what a timestamp can hold.';
COMMENT ON COLUMN warren.messages.queues IS 'Ids of the durable queues that it went to.';
COMMENT ON COLUMN warren.messages.expires_at_ms IS
  'For each of these queues, in milliseconds since 1970, 0 for never. Null: all 0.';
COMMENT ON COLUMN warren.messages.due_at_ms IS
  'For each of these queues: not delivered before; 0 for at once. Null: all 0.';
COMMENT ON COLUMN warren.messages.delivery_counts IS 'For each of these queues. Null: all 0.';
COMMENT ON COLUMN warren.messages.exchange IS 'Readable name of the exchange that took it.';
COMMENT ON COLUMN warren.messages.routing_key IS 'Readable routing key.';
COMMENT ON COLUMN warren.messages.priority IS '0 to 255, higher goes first.';
COMMENT ON COLUMN warren.messages.expiration_ms IS 'The time to live that it was published with.';
COMMENT ON COLUMN warren.messages.properties IS 'Readable properties; null: none.';
COMMENT ON COLUMN warren.messages.headers IS 'Readable headers; null: none.';
COMMENT ON COLUMN warren.messages.deaths IS 'Readable dead-letter history; null: none.';
COMMENT ON COLUMN warren.messages.exact IS
  'What the broker reads at start if the other columns can''t say it; null: they can.';
COMMENT ON COLUMN warren.messages.body IS 'As it was published.';

CREATE TABLE warren.settlements (
  message_id bigint,
  queue bigint,
  seq bigint NOT NULL,
  segment int NOT NULL,
  kind "char" NOT NULL,
  expires_at_ms bigint,
  due_at_ms bigint,
  delivery_count bigint,
  message_ids bigint[]
) PARTITION BY LIST (segment);
ALTER TABLE warren.settlements ALTER COLUMN message_ids SET STORAGE PLAIN;
COMMENT ON TABLE warren.settlements IS
  'What became of messages since: later facts of those that wait, and which are gone.';
COMMENT ON COLUMN warren.settlements.message_id IS 'The message, unless it is about several.';
COMMENT ON COLUMN warren.settlements.queue IS 'The queue, unless it is about all.';
COMMENT ON COLUMN warren.settlements.seq IS 'Order of what is about one message.';
COMMENT ON COLUMN warren.settlements.segment IS 'That of the message.';
COMMENT ON COLUMN warren.settlements.kind IS
  'g: the messages are gone from all queues; m: they were moved to another segment; '
  'r: the message is gone from the queue; u: it waits there with these facts.';
COMMENT ON COLUMN warren.settlements.expires_at_ms IS 'Of an update; as in messages.';
COMMENT ON COLUMN warren.settlements.due_at_ms IS 'Of an update; as in messages.';
COMMENT ON COLUMN warren.settlements.delivery_count IS 'Of an update; as in messages.';
COMMENT ON COLUMN warren.settlements.message_ids IS 'The messages, up to some hundred in a row.';

CREATE FUNCTION warren.make_segment(segment int, kind text)
RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  -- Bodies stay in their row while they fit; they are not compressed.
  EXECUTE format('CREATE TABLE warren.messages_%s (LIKE warren.messages INCLUDING STORAGE) WITH '
                 '(toast_tuple_target = 8160, autovacuum_enabled = false, '
                 'toast.autovacuum_enabled = false)', segment);
  EXECUTE format('CREATE TABLE warren.settlements_%s (LIKE warren.settlements) WITH '
                 '(autovacuum_enabled = false)', segment);
  -- Made apart and attached, which is the way that waits for no reader.
  EXECUTE format('ALTER TABLE warren.messages ATTACH PARTITION warren.messages_%s '
                 'FOR VALUES IN (%s)', segment, segment);
  EXECUTE format('ALTER TABLE warren.settlements ATTACH PARTITION warren.settlements_%s '
                 'FOR VALUES IN (%s)', segment, segment);
  INSERT INTO warren.segments VALUES (segment, kind);
END $$;
COMMENT ON FUNCTION warren.make_segment IS 'Makes the partitions of a new segment.';

CREATE FUNCTION warren.drop_segment(which int)
RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  EXECUTE format('DROP TABLE warren.messages_%s, warren.settlements_%s', which, which);
  DELETE FROM warren.segments WHERE segment = which;
END $$;
COMMENT ON FUNCTION warren.drop_segment IS 'Drops the partitions of a dead segment.';

-- The last statement of each group commit: the fence against a broker that was deposed, and the mark
-- by which a broker that lost its connection sees whether the commit took effect.
CREATE FUNCTION warren.commit_batch(of_shard int, of_epoch bigint, batch bigint, lease_ms bigint)
RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  found_owner text;
  found_epoch bigint;
  found_batch bigint;
BEGIN
  UPDATE warren.shards
     SET last_batch = batch,
         expires_at = clock_timestamp() + lease_ms * interval '1 millisecond'
   WHERE shard = of_shard AND epoch = of_epoch AND last_batch = batch - 1;
  IF FOUND THEN
    RETURN;
  END IF;
  SELECT owner, epoch, last_batch INTO found_owner, found_epoch, found_batch
    FROM warren.shards WHERE shard = of_shard;
  IF found_epoch IS DISTINCT FROM of_epoch THEN
    RAISE EXCEPTION 'deposed: epoch % is over, % by % is on', of_epoch, found_epoch, found_owner
      USING ERRCODE = 'WR001';
  ELSIF found_batch = batch THEN
    RAISE EXCEPTION 'batch % is there already', batch USING ERRCODE = 'WR002';
  END IF;
  RAISE EXCEPTION 'batch % does not follow batch %', batch, found_batch USING ERRCODE = 'WR003';
END $$;
COMMENT ON FUNCTION warren.commit_batch IS 'Ends a group commit of the broker.';

CREATE FUNCTION warren.instant(ms bigint)
RETURNS timestamptz LANGUAGE sql IMMUTABLE STRICT AS $$
  SELECT CASE WHEN ms BETWEEN -210866803200000 AND 9224318015999999
                THEN timestamptz 'epoch' + ms * interval '1 millisecond'
              WHEN ms < 0 THEN timestamptz '-infinity'
              ELSE timestamptz 'infinity' END
$$;
COMMENT ON FUNCTION warren.instant IS 'Milliseconds since 1970 as a timestamp.';

CREATE VIEW warren.queue_messages AS
SELECT q.virtual_host, q.name AS queue, m.id AS message_id, m.published_at,
       m.exchange, m.routing_key, m.priority, m.properties, m.headers, m.deaths,
       warren.instant(nullif(coalesce(u.expires_at_ms, e.expires_at_ms), 0)) AS expires_at,
       warren.instant(nullif(coalesce(u.due_at_ms, e.due_at_ms), 0)) AS due_at,
       coalesce(u.delivery_count, e.delivery_count, 0) AS delivery_count,
       m.body, q.id AS queue_id
  FROM warren.messages m
 CROSS JOIN LATERAL unnest(m.queues, m.expires_at_ms, m.due_at_ms, m.delivery_counts)
         AS e (queue, expires_at_ms, due_at_ms, delivery_count)
  JOIN warren.queues q ON q.id = e.queue
  LEFT JOIN (SELECT DISTINCT ON (segment, message_id, queue) *
               FROM warren.settlements WHERE kind = 'u'
              ORDER BY segment, message_id, queue, seq DESC) u
    ON u.segment = m.segment AND u.message_id = m.id AND u.queue = e.queue
 WHERE NOT EXISTS (SELECT FROM (SELECT segment, unnest(message_ids) AS message_id
                                   FROM warren.settlements) s
                    WHERE s.segment = m.segment AND s.message_id = m.id)
   AND NOT EXISTS (SELECT FROM warren.settlements s
                    WHERE s.segment = m.segment AND s.message_id = m.id AND s.kind = 'r'
                      AND s.queue = e.queue);
COMMENT ON VIEW warren.queue_messages IS
  'One row for each message in each durable queue, as the broker would find it after a start.';

CREATE VIEW warren.queue_depths AS
SELECT q.virtual_host, q.name AS queue, count(m.message_id) AS messages,
       coalesce(sum(length(m.body)), 0) AS bytes
  FROM warren.queues q
  LEFT JOIN warren.queue_messages m ON m.queue_id = q.id
 GROUP BY q.id, q.virtual_host, q.name;
COMMENT ON VIEW warren.queue_depths IS 'Messages and bytes of bodies in each durable queue.';
