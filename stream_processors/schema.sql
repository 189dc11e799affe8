-- Where sagas stand. Truth is the saga topic: this schema can be dropped and is folded anew from it.
CREATE SCHEMA IF NOT EXISTS saga;

CREATE TABLE IF NOT EXISTS saga.saga (
    saga_id           uuid PRIMARY KEY,
    version           bigint NOT NULL,
    kind              text NOT NULL,
    status            text NOT NULL,
    step              text NOT NULL,
    state             text NOT NULL,           -- JSON; as text, for jsonb does not take every string
    cause_id          uuid NOT NULL,
    event             bytea NOT NULL,          -- value of the SagaAdvanced record, outputs inside
    headers           jsonb NOT NULL,
    deadline_at       timestamptz,
    deadline_token    bigint,
    deadline_fired_at timestamptz,
    updated_at        timestamptz NOT NULL     -- time of the cause, not of the write
);

CREATE INDEX IF NOT EXISTS saga_deadline ON saga.saga (deadline_at) WHERE deadline_at IS NOT NULL;
CREATE INDEX IF NOT EXISTS saga_open ON saga.saga (status) WHERE status NOT IN ('succeeded', 'failed');

CREATE TABLE IF NOT EXISTS saga.position (
    partition   integer PRIMARY KEY,
    next_offset bigint NOT NULL
);
