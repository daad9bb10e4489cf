"""Routes of what is done for an organisation's rows as a whole."""

from mnemon.doors.routes.table import Route

ROUTES = (Route("installation.embed_waiting", "POST", "/maintenance/embeddings"),)
