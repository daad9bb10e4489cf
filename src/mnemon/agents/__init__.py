"""The agents: AgentDNA (personality, skills, model, memory weights, boundaries) and lifecycle.

Tables: agents.
Verbs: ensure_agents, list_agents, memory_config.
"""
