-- How far each view has read, and which shape of the views this is.
CREATE TABLE position (
    view text COLLATE "C" NOT NULL,
    topic text COLLATE "C" NOT NULL,
    partition integer NOT NULL,
    next_offset bigint NOT NULL,
    PRIMARY KEY (view, topic, partition)
);

CREATE TABLE generation (
    shape text NOT NULL,
    built_from text NOT NULL,
    built_at timestamptz NOT NULL DEFAULT now()
);
