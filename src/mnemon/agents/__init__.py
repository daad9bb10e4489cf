"""The agents: AgentDNA (personality, skills, model, memory weights, boundaries) and lifecycle.

Tables: agents, agent_capabilities, agent_states.
Verbs: ensure_agents, memory_config; create_agent, get_agent, list_agents, update_agent, set_status, delete_agent;
add_capability, list_capabilities, remove_capability, find_agents_by_capability; checkpoint_state, list_states,
latest_state.
"""
