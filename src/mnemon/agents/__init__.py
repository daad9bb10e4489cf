"""The agents: AgentDNA (personality, skills, model, memory weights, boundaries) and lifecycle.

Tables: agents, agent_capabilities, agent_states.
For other domains: ensure_agents, find_agents, labels, memory_config, require_team.
"""
