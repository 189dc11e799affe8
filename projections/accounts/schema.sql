-- `login_key` is the login without regard to case: the account that came first keeps it.
CREATE TABLE accounts (
    account_id text COLLATE "C" PRIMARY KEY,
    login text NOT NULL,
    login_key text COLLATE "C" NOT NULL UNIQUE,
    full_name text NOT NULL,
    role text NOT NULL,
    sealed_key_id text NOT NULL,
    sealed_nonce bytea NOT NULL,
    sealed_ciphertext bytea NOT NULL,
    created_at timestamptz NOT NULL
);
