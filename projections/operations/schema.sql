-- What was asked: the first request of an operation stands, a later one with its id is not looked at.
CREATE TABLE requests (
    operation_id text COLLATE "C" PRIMARY KEY,
    kind text NOT NULL,
    subject text NOT NULL,
    request_sha256 text NOT NULL,
    requested_at timestamptz NOT NULL,
    actor json NOT NULL,
    document_id text COLLATE "C",
    element_id text COLLATE "C",
    request json NOT NULL
);

-- How far its saga has come: the newest state.
CREATE TABLE sagas (
    operation_id text COLLATE "C" PRIMARY KEY,
    version bigint NOT NULL,
    kind text NOT NULL,
    status text NOT NULL,
    step text NOT NULL,
    steps json NOT NULL,
    outcomes json NOT NULL,
    problem json,
    subject text NOT NULL,
    request_sha256 text,
    document_id text COLLATE "C",
    element_id text COLLATE "C",
    started_at timestamptz NOT NULL,
    advanced_at timestamptz NOT NULL,
    finished_at timestamptz
);
