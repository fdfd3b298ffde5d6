"""The client of the MCP Python SDK, as it is."""

import mcp_host

mcp_host.serve()
