-- $1 and $2 documents and their versions, $3 a pattern of the beginnings of the words asked for.
-- The piece of each text around the first such word, else its beginning: never a whole text.
SELECT
    t.document_id,
    substr(t.content, GREATEST(1, found.place - 300), 1200) AS window,
    found.place > 300 AS cut
FROM unnest($1::text[], $2::bigint[]) AS asked (document_id, version)
JOIN views.texts AS t USING (document_id, version)
CROSS JOIN LATERAL (SELECT regexp_instr(left(t.content, 300000), $3) AS place) AS found
WHERE t.content IS NOT NULL
