"""MCP: tools, resources and prompts, over both transports."""
