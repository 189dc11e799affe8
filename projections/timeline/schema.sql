-- Every event of the log, decoded; secrets and outputs left out.
CREATE TABLE timeline (
    topic text COLLATE "C" NOT NULL,
    partition integer NOT NULL,
    log_offset bigint NOT NULL,
    event_id text COLLATE "C" NOT NULL,
    type text NOT NULL,
    aggregate_type text NOT NULL,
    aggregate_id text COLLATE "C" NOT NULL,
    aggregate_version bigint NOT NULL,
    occurred_at timestamptz NOT NULL,
    correlation_id text COLLATE "C" NOT NULL,
    causation_id text COLLATE "C",
    actor json NOT NULL,
    payload json NOT NULL,
    document_id text COLLATE "C",
    PRIMARY KEY (topic, partition, log_offset)
);
