"""Rows of the tables that plan tests read and the benchmark of statements does not, written as the benchmark's."""

from __future__ import annotations

#: ``{rows}`` are ``i`` of an organisation ``o``; ``{id:kind:i}`` is the id of a row of a kind.
MORE = {
    "more_roles": """INSERT INTO roles (id, organization_id, name)
        SELECT {id:role:i}, o.id, 'role ' || i FROM {rows}""",
    "more_teams": """INSERT INTO teams (organization_id, name, slug)
        SELECT o.id, 'More ' || i, 'more-' || i FROM {rows}""",
    "role_permissions": """INSERT INTO role_permissions (organization_id, role_id, permission_id)
        SELECT o.id, {id:role:i}, p.id FROM {rows} CROSS JOIN (SELECT id FROM permissions ORDER BY name LIMIT 1) p""",
    "devices": """INSERT INTO devices (organization_id, user_id, device_token, platform)
        SELECT o.id, {id:user:i}, 'token ' || i, 'ios' FROM {rows}""",
    "api_key_uses": """INSERT INTO api_key_uses (organization_id, api_key_id) SELECT o.id, {id:key:i} FROM {rows}""",
    "participant_names": """INSERT INTO participant_names (organization_id, name, user_id)
        SELECT o.id, 'name' || i, {id:user:i} FROM {rows}""",
    "agent_capabilities": """INSERT INTO agent_capabilities (organization_id, agent_id, capability, proficiency_level)
        SELECT o.id, {id:agent:i}, 'skill ' || i % 50, 0.5 FROM {rows}""",
    "agent_states": """INSERT INTO agent_states (organization_id, agent_id, checkpoint_type, created_at)
        SELECT o.id, {id:agent:i % least(o.agents, 500)}, 'manual', now() - i * interval '1 second' FROM {rows}""",
    "conversations": """INSERT INTO conversations (id, organization_id, external_id, name)
        SELECT {id:conversation:i}, o.id, 'conversation-' || i, 'Talk ' || i FROM {rows}""",
    "conversation_participants": """INSERT INTO conversation_participants (organization_id, conversation_id, user_id)
        SELECT o.id, {id:conversation:i}, {id:user:i} FROM {rows}""",
    "conversation_sessions": """INSERT INTO conversation_sessions (organization_id, conversation_id, number, started_at,
          ended_at)
        SELECT o.id, {id:conversation:i}, o.n * 1000000 + i, now(), now() FROM {rows}""",
    "import_checkpoints": """INSERT INTO import_checkpoints (organization_id, source)
        SELECT o.id, 'source ' || i FROM {rows}""",
    "messages": """INSERT INTO messages (id, organization_id, conversation_id, user_id, agent_id, content, tags,
          source_id, occurred_at, ordinal, embedding, embedding_status, is_indexed)
        SELECT {id:message:i}, o.id, {id:conversation:i}, {id:user:i % o.users}, {id:agent:i % o.agents}, a.piece,
          ARRAY['tag' || i % 20], 'm-' || i, now() - i * interval '1 minute', (o.n * 1000000 + i) << 16,
          v.vector, 'ready', o.users > 1000 AND i % 10 > 0
        FROM {rows} JOIN bench_pieces a ON a.n = i % {pieces} JOIN bench_vectors v ON v.n = i % 500""",
    "memories": """INSERT INTO memories (id, organization_id, conversation_id, user_id, agent_id, content, tags,
          source_id, occurred_at, ordinal, embedding, embedding_status, is_indexed)
        SELECT {id:memory:i}, o.id, {id:conversation:i}, {id:user:i % o.users}, {id:agent:i % o.agents}, a.piece,
          ARRAY['tag' || i % 20], 'k-' || i, now() - i * interval '1 minute', (o.n * 1000000 + 500000 + i) << 16,
          v.vector, 'ready', o.users > 1000 AND i % 10 > 0
        FROM {rows} JOIN bench_pieces a ON a.n = (i * 7) % {pieces} JOIN bench_vectors v ON v.n = (i * 3) % 500""",
    "memory_log": """INSERT INTO memory_log (organization_id, memory_id, action, changed_by)
        SELECT o.id, {id:memory:i}, 'created', 'system' FROM {rows}""",
    "memory_facts": """INSERT INTO memory_facts (id, organization_id, user_id, subject, predicate, object)
        SELECT {id:fact:i}, o.id, {id:user:i}, 'subject ' || i / 3, 'predicate ' || i % 300, 'object' FROM {rows}""",
    "message_memory_usage": """INSERT INTO message_memory_usage (organization_id, message_id, memory_id)
        SELECT o.id, {id:message:i}, {id:memory:i / 2} FROM {rows}""",
    "uses_of_messages": """INSERT INTO message_memory_usage (organization_id, message_id, used_message_id)
        SELECT o.id, {id:message:i}, {id:message:i / 2} FROM {rows} WHERE i > 0""",
    "recall_terms": """INSERT INTO recall_terms (organization_id, lexeme, documents)
        SELECT m.organization_id, w.lexeme, count(*) FROM memories m, unnest(m.search_vector) w GROUP BY 1, 2""",
    "recall_statistics": """INSERT INTO recall_statistics (organization_id, indexed)
        SELECT organization_id, count(*) FROM memories WHERE is_indexed GROUP BY 1
        UNION ALL SELECT md5('other ' || i)::uuid, 0 FROM generate_series(1, 2000) i""",
    "entities": """INSERT INTO entities (id, organization_id, entity_type, name, user_id)
        SELECT {id:entity:i}, o.id, 'person', 'Entity ' || i, {id:user:i} FROM {rows}""",
    "entity_names": """INSERT INTO entity_names (organization_id, name, entity_id)
        SELECT o.id, 'entity ' || i, {id:entity:i} FROM {rows}""",
    "entity_relationships": """INSERT INTO entity_relationships (organization_id, source_entity_id, target_entity_id,
          relationship_type)
        SELECT o.id, {id:entity:i}, {id:entity:(i + 1) % o.users}, 'knows' FROM {rows}""",
    "entity_mentions": """INSERT INTO entity_mentions (organization_id, entity_id, source_type, source_id)
        SELECT o.id, {id:entity:i}, 'message', {id:message:i} FROM {rows}""",
    "integrations": """INSERT INTO integrations (id, organization_id, user_id, provider)
        SELECT {id:integration:i}, o.id, {id:user:i}, 'google' FROM {rows}""",
    "gmail_messages": """INSERT INTO gmail_messages (organization_id, user_id, integration_id, gmail_id, subject,
          body_text, received_at)
        SELECT o.id, {id:user:i % 3}, {id:integration:i % 3}, 'g-' || i, a.piece, b.piece, now()
        FROM {rows} JOIN bench_pieces a ON a.n = i % {pieces} JOIN bench_pieces b ON b.n = (i * 7) % {pieces}""",
    "calendar_events": """INSERT INTO calendar_events (organization_id, user_id, integration_id, provider,
          provider_event_id, start_time, end_time)
        SELECT o.id, {id:user:i % 3}, {id:integration:i % 3}, 'google', 'e-' || i, now(), now() FROM {rows}""",
    "drive_files": """INSERT INTO drive_files (organization_id, user_id, integration_id, provider, provider_file_id,
          name)
        SELECT o.id, {id:user:i % 3}, {id:integration:i % 3}, 'google', 'f-' || i, 'File ' || i FROM {rows}""",
    "webhook_endpoints": """INSERT INTO webhook_endpoints (id, organization_id, url, secret_encrypted, active)
        SELECT {id:endpoint:i}, o.id, 'https://example.org/' || i, 'v1.00000000.x', i % 100 = 0 FROM {rows}""",
    "webhook_deliveries": """INSERT INTO webhook_deliveries (organization_id, endpoint_id, event, idempotency_key,
          status, next_attempt_at, created_at)
        SELECT o.id, {id:endpoint:i - i % 100}, 'memory.created', 'key ' || i,
          CASE WHEN i % 50 = 0 THEN 'pending' ELSE 'failed' END, now() - i * interval '1 minute',
          now() - i * interval '1 minute'
        FROM {rows}""",
    "tasks": """INSERT INTO tasks (id, organization_id, user_id, title, due_date)
        SELECT {id:task:i}, o.id, {id:user:i % o.users}, 'Task ' || i, current_date + i::int % 30 FROM {rows}""",
    "documents": """INSERT INTO documents (id, organization_id, user_id, document_type, title)
        SELECT {id:document:i}, o.id, {id:user:i % o.users}, 'report', 'Report ' || i FROM {rows}""",
    "assets": """INSERT INTO assets (organization_id, user_id, name, media_type, size_bytes, sha256, object_id)
        SELECT o.id, {id:user:i % o.users}, 'File ' || i, 'image/png', i, sha256(i::text::bytea), {id:object:i}
        FROM {rows}""",
    "error_logs": """INSERT INTO error_logs (organization_id, kind, code, message, timestamp)
        SELECT o.id, 'invalid', 'invalid.x', 'm', now() - i * interval '1 minute' FROM {rows}""",
    "api_requests": """INSERT INTO api_requests (organization_id, route, duration_ms, timestamp)
        SELECT o.id, '/', 1, now() - i * interval '1 minute' FROM {rows}""",
    "audit_logs": """INSERT INTO audit_logs (id, organization_id, action, resource_type, resource_id, created_at,
          transaction_id)
        SELECT {id:audit:i}, o.id, 'a:b', 'x', i::text, now() - i * interval '1 second', i FROM {rows}""",
    "audit_blocks": """INSERT INTO audit_blocks (organization_id, number, upper_transaction, previous_hash, hash,
          mac, mac_key)
        SELECT o.id, i + 1, i, '\\x00', sha256(i::text::bytea), '\\x00', '\\x00' FROM {rows}""",
    "system_metrics": """INSERT INTO system_metrics (organization_id, component, metric_type, value, timestamp)
        SELECT o.id, 'api', 'cpu', 1, now() - i * interval '1 second' FROM {rows}""",
}
