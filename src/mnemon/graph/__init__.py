"""Who and what is talked about: entities, how they relate, where they are mentioned.

Tables: entities, entity_names, entity_relationships, entity_mentions.
Verbs: ensure_entity, get_entity, find_entity, update_entity, delete_entity, merge_entities; relate, unrelate,
neighbours; mention, list_mentions.
"""
