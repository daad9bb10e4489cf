"""Who and what is talked about: entities, how they relate, where they are mentioned.

Tables: entities, entity_names, entity_relationships, entity_mentions.
"""
