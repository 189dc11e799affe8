-- What an element's sealed element.json says, as far as it changes only by an act.
CREATE TABLE elements (
    element_id text COLLATE "C" PRIMARY KEY,
    name text NOT NULL,
    mode text NOT NULL,
    mode_epoch bigint NOT NULL,
    created_at timestamptz NOT NULL,
    changed_at timestamptz NOT NULL
);

-- Its newest heartbeat: the lasting copy of what Redis holds for discovery.
CREATE TABLE element_status (
    element_id text COLLATE "C" PRIMARY KEY,
    name text NOT NULL,
    mode text NOT NULL,
    mode_epoch bigint NOT NULL,
    url text NOT NULL,
    total_bytes bigint NOT NULL,
    used_bytes bigint NOT NULL,
    free_bytes bigint NOT NULL,
    outbox bigint NOT NULL,
    damaged bigint NOT NULL,
    scrub_pass bigint,
    scrub_share double precision,
    scrub_documents bigint,
    scrub_finished_at timestamptz,
    last_seen_at timestamptz NOT NULL
);
