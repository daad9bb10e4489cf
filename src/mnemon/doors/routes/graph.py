"""Routes of graph: entities and how they relate."""

from mnemon.doors.routes.table import Route

ROUTES = (
    Route("graph.ensure_entity", "POST", "/entities"),
    Route("graph.find_entity", "GET", "/entities"),
    Route("graph.get_entity", "GET", "/entities/{entity_id}"),
    Route("graph.update_entity", "PATCH", "/entities/{id}"),
    Route("graph.delete_entity", "DELETE", "/entities/{entity_id}"),
    Route("graph.merge_entities", "POST", "/entities/merge"),
    Route("graph.neighbours", "GET", "/entities/{entity_id}/neighbours"),
    Route("graph.mention", "POST", "/mentions"),
    Route("graph.list_mentions", "GET", "/mentions"),
    Route("graph.relate", "POST", "/relationships"),
    Route("graph.unrelate", "DELETE", "/relationships/{relationship_id}"),
)
