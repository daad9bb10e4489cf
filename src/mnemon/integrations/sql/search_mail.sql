-- A person's mail that has the words, in each of the languages $7, best first. Index: ix_gmail_messages_search, through the operator that policies
-- let it be used with. It knows of no phrases; they are looked at beside it, in coalesce() for the estimate.
SELECT id, gmail_id, thread_id, subject, from_email, to_emails, snippet, labels, is_read, received_at,
  ts_rank_cd(search_vector, words_query($3, $7::text[]))::float8 AS score
FROM gmail_messages t
WHERE organization_id = $1 AND user_id = $2 AND {match}(words_query($3, $7::text[]))
  AND coalesce(search_vector @@ words_query($3, $7::text[]), false)
  AND deleted_at IS NULL
  AND ($4::timestamptz IS NULL OR received_at >= $4) AND ($5::timestamptz IS NULL OR received_at < $5)
ORDER BY score DESC, received_at DESC NULLS LAST, id
LIMIT $6
