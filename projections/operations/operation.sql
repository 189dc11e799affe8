-- $1 the operation. `found`: the views hold at least what its saga named as outcomes.
SELECT
    asked.operation_id,
    COALESCE(s.kind, r.kind) AS kind,
    COALESCE(s.status, 'running') AS status,
    COALESCE(s.step, 'accepted') AS step,
    COALESCE(s.version, 0) AS version,
    COALESCE(r.subject, s.subject) AS subject,
    -- The saga says which request counted: one that it has refused may stand before that.
    COALESCE(s.request_sha256, r.request_sha256) AS request_sha256,
    COALESCE(s.document_id, r.document_id) AS document_id,
    COALESCE(s.element_id, r.element_id) AS element_id,
    r.request,
    r.actor,
    r.requested_at,
    COALESCE(s.steps, '[]'::json) AS steps,
    COALESCE(s.outcomes, '[]'::json) AS outcomes,
    s.problem,
    COALESCE(s.started_at, r.requested_at) AS started_at,
    s.finished_at,
    NOT EXISTS (
        SELECT
        FROM json_to_recordset(s.outcomes) AS outcome (aggregate_type text, aggregate_id text, version bigint)
        WHERE NOT CASE outcome.aggregate_type
            WHEN 'document' THEN EXISTS (
                SELECT FROM views.documents AS d
                WHERE d.document_id = outcome.aggregate_id AND d.attr_seq >= outcome.version
            )
            WHEN 'text' THEN EXISTS (
                SELECT FROM views.texts AS t
                WHERE t.document_id = outcome.aggregate_id AND t.text_version >= outcome.version
                    AND t.state <> 'pending'
            )
            WHEN 'account' THEN EXISTS (SELECT FROM views.accounts AS a WHERE a.account_id = outcome.aggregate_id)
            WHEN 'key' THEN EXISTS (SELECT FROM views.keys AS k WHERE k.key_id = outcome.aggregate_id)
            ELSE true
        END
    ) AS found
FROM (SELECT $1::text AS operation_id) AS asked
LEFT JOIN views.requests AS r USING (operation_id)
LEFT JOIN views.sagas AS s USING (operation_id)
WHERE r.operation_id IS NOT NULL OR s.operation_id IS NOT NULL
