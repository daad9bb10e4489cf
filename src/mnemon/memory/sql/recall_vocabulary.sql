-- The words that a large tenant uses more than once, the most frequent first. Index: pk_recall_terms.
SELECT lexeme, documents FROM recall_terms
WHERE organization_id = $1 AND documents > 1
ORDER BY documents DESC LIMIT $2
