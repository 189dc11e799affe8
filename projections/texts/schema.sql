-- What the log says about a text, and what was fetched of it. state: pending, ready, unavailable.
-- A final row has no text and never will; an unavailable one that is not final is tried again behind.
CREATE TABLE texts (
    document_id text COLLATE "C" NOT NULL,
    version bigint NOT NULL,
    element_id text COLLATE "C" NOT NULL,
    text_version bigint NOT NULL,
    sha256 text NOT NULL,
    text_sha256 text,
    characters bigint NOT NULL,
    truncated boolean NOT NULL,
    state text NOT NULL,
    final boolean NOT NULL,
    reason text,
    attempts integer NOT NULL DEFAULT 0,
    requested_at timestamptz NOT NULL DEFAULT now(),
    next_attempt_at timestamptz NOT NULL DEFAULT now(),
    content text,
    search tsvector,
    PRIMARY KEY (document_id, version)
);

-- Both are small: they hold only what waits.
CREATE INDEX texts_waiting ON texts (next_attempt_at) WHERE state <> 'ready' AND NOT final;
CREATE INDEX texts_pending ON texts (requested_at) WHERE state = 'pending';
