"""HTTP: every verb that has a route, over FastAPI and uvicorn (the extra ``mnemon[server]``).

``app.create`` makes the application, ``serve.serve`` runs it. A call is parsed by the table of routes
(:mod:`mnemon.doors.routes`), asks one verb, and is answered with what it gave; no rule of its own stands here.
"""
