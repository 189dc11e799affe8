CREATE TABLE keys (
    key_id text COLLATE "C" PRIMARY KEY,
    public_jwk text NOT NULL,
    sealed_key_id text NOT NULL,
    sealed_nonce bytea NOT NULL,
    sealed_ciphertext bytea NOT NULL,
    active_from timestamptz NOT NULL,
    announced_at timestamptz NOT NULL
);
