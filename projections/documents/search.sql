-- $1 the query, $2 its words when it is a plain list of them, $3 and $4 the place of the last hit, $5 how many hits.
-- A hit has the whole query in its description, or in its text, or its words spread over both.
WITH hits AS (
    SELECT document_id FROM views.documents WHERE search @@ $1::text::tsquery
    UNION
    SELECT document_id FROM views.texts WHERE search @@ $1::text::tsquery
    UNION
    SELECT place.document_id
    FROM (
        -- Without a word in its text a document has them all in its description, or not at all: a word that stands in
        -- nearly every description is looked up only for those whose text holds one.
        SELECT asked.word, d.document_id
        FROM unnest($2::text[]) AS asked (word) JOIN views.documents AS d ON d.search @@ asked.word::tsquery
        WHERE d.document_id IN (
            SELECT t.document_id FROM views.texts AS t WHERE t.search @@ array_to_string($2::text[], ' | ')::tsquery
        )
        UNION
        SELECT asked.word, t.document_id
        FROM unnest($2::text[]) AS asked (word) JOIN views.texts AS t ON t.search @@ asked.word::tsquery
    ) AS place
    GROUP BY place.document_id
    HAVING count(*) = cardinality($2::text[])
),
ranked AS (
    SELECT
        d.document_id, d.version, d.filename, d.title, d.tags, d.custom, d.document_class,
        -- A word in the title counts twenty times one in the text.
        ts_rank('{0.05, 0.2, 0.4, 1.0}', whole.words, $1::text::tsquery)::float8 AS rank
    FROM hits
    JOIN views.documents AS d USING (document_id)
    LEFT JOIN views.texts AS t ON t.document_id = d.document_id AND t.version = d.version
    CROSS JOIN LATERAL (SELECT d.search || COALESCE(t.search, ''::tsvector) AS words) AS whole
    -- Again over both together: a word that was excluded may stand in the other place.
    WHERE whole.words @@ $1::text::tsquery
)
SELECT document_id, version, filename, title, tags, custom, document_class, rank
FROM ranked
WHERE $3::float8 IS NULL OR (rank, document_id) < ($3, $4)
ORDER BY rank DESC, document_id DESC
LIMIT $5
