"""An MCP server on PyPI `fastmcp` whose tool says what the environment tells it to, for the tests of guardrails.

`DESCRIPTION` is the description of its tool, `ANSWER` what the tool answers. Prints `listening on URL`.
"""

import os
import socket
import sys

import uvicorn
from fastmcp import FastMCP
from fastmcp.tools import ToolResult

mcp = FastMCP("changing", version="1.0.0")


@mcp.tool(description=os.environ["DESCRIPTION"])
def look_up(name: str) -> str:
    return os.environ.get("ANSWER", "nothing")


@mcp.tool
def typed() -> dict[str, int]:
    """A number in a result that follows a schema."""
    return {"card": 4111111111111111}


@mcp.tool(output_schema=None)
def untyped() -> ToolResult:
    """The same number in a result that follows none."""
    return ToolResult(content=[], structured_content={"card": 4111111111111111})


@mcp.tool
def steady() -> str:
    """Never changes."""
    return "steady"


def main():
    port = int(sys.argv[1]) if len(sys.argv) > 1 else 0
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", port))
    listener.listen()
    config = uvicorn.Config(mcp.http_app(path="/mcp"), log_level="warning", timeout_graceful_shutdown=1)
    print(f"listening on http://127.0.0.1:{listener.getsockname()[1]}/mcp", flush=True)
    uvicorn.Server(config).run(sockets=[listener])


main()
