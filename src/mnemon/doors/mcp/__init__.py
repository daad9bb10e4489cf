"""MCP: memory as tools, resources and prompts for agents, over standard input and output or over HTTP.

Ten tools shaped like tasks, whose answers fit a number of tokens that the caller sets. What they do are the library's
own methods, so they work on a database and on a server alike.
"""
