-- The newest that an element has told about the fixity of a version. state: damaged, mended.
-- A mended row stays: without it an older fact that comes again would damage the version anew.
CREATE TABLE damages (
    document_id text COLLATE "C" NOT NULL,
    version bigint NOT NULL,
    number bigint NOT NULL,
    element_id text COLLATE "C" NOT NULL,
    state text NOT NULL,
    part text,
    reason text,
    found_by text NOT NULL,
    found_at timestamptz NOT NULL,
    quarantined json NOT NULL,
    PRIMARY KEY (document_id, version)
);

-- The last whole pass of each element over all that it holds, and how many bytes that were.
CREATE TABLE scrubs (
    element_id text COLLATE "C" PRIMARY KEY,
    pass_number bigint NOT NULL,
    started_at timestamptz NOT NULL,
    finished_at timestamptz NOT NULL,
    documents bigint NOT NULL,
    bytes bigint NOT NULL,
    damaged bigint NOT NULL
);
