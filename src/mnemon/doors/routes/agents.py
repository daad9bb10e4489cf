"""Routes of agents: what agents are, can do and were."""

from mnemon.doors.routes.table import Route

ROUTES = (
    Route("agents.create_agent", "POST", "/agents", 201),
    Route("agents.list_agents", "GET", "/agents"),
    Route("agents.find_agents_by_capability", "GET", "/agents/capable"),
    Route("agents.get_agent", "GET", "/agents/{agent_id}"),
    Route("agents.update_agent", "PATCH", "/agents/{id}"),
    Route("agents.delete_agent", "DELETE", "/agents/{agent_id}", 204),
    Route("agents.set_status", "PUT", "/agents/{agent_id}/status"),
    Route("agents.add_capability", "POST", "/agents/{agent_id}/capabilities"),
    Route("agents.list_capabilities", "GET", "/agents/{agent_id}/capabilities"),
    Route("agents.remove_capability", "DELETE", "/agents/{agent_id}/capabilities", 204),
    Route("agents.checkpoint_state", "POST", "/agents/{agent_id}/states", 201),
    Route("agents.list_states", "GET", "/agents/{agent_id}/states"),
    Route("agents.latest_state", "GET", "/agents/{agent_id}/states/latest"),
)
