-- Every column comes from the newest sealed attr.json of the document.
CREATE TABLE documents (
    document_id text COLLATE "C" PRIMARY KEY,
    version bigint NOT NULL,
    attr_seq bigint NOT NULL,
    attr_sha256 text NOT NULL,
    prev_attr_sha256 text,
    last_event text NOT NULL,
    filename text NOT NULL,
    stored_name text NOT NULL,
    relative_path text NOT NULL,
    size bigint NOT NULL,
    media_type text NOT NULL,
    declared_media_type text,
    sha256 text NOT NULL,
    title text NOT NULL,
    document_class text NOT NULL,
    tags json NOT NULL,
    custom json NOT NULL,
    retention_class text NOT NULL,
    retention_start timestamptz NOT NULL,
    retention_until timestamptz,
    holds json NOT NULL,
    element_id text COLLATE "C" NOT NULL,
    mode_at_write text NOT NULL,
    mode_epoch bigint NOT NULL,
    vclock json NOT NULL,
    created_at timestamptz NOT NULL,
    created_by json NOT NULL,
    updated_at timestamptz NOT NULL,
    updated_by json NOT NULL,
    title_words text NOT NULL,
    name_words text NOT NULL,
    custom_words text NOT NULL,
    search tsvector NOT NULL GENERATED ALWAYS AS (
        setweight(to_tsvector('pg_catalog.russian', title_words), 'A')
        || setweight(to_tsvector('pg_catalog.russian', name_words), 'B')
        || setweight(to_tsvector('pg_catalog.russian', custom_words), 'C')
    ) STORED
);

-- One row per version: what its own attr.json says, frozen once there is a newer version.
CREATE TABLE versions (
    document_id text COLLATE "C" NOT NULL,
    version bigint NOT NULL,
    supersedes bigint,
    attr_seq bigint NOT NULL,
    attr_sha256 text NOT NULL,
    filename text NOT NULL,
    stored_name text NOT NULL,
    relative_path text NOT NULL,
    size bigint NOT NULL,
    media_type text NOT NULL,
    declared_media_type text,
    sha256 text NOT NULL,
    element_id text COLLATE "C" NOT NULL,
    updated_at timestamptz NOT NULL,
    updated_by json NOT NULL,
    PRIMARY KEY (document_id, version)
);
