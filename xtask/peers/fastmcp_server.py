"""An MCP server on PyPI `fastmcp`, for the demo and the tests.

Prints `listening on URL` once it can be reached, on a free port of the loopback interface or on the one given. With
LIST_PAGE_SIZE its lists come in pages of that many elements, and with EXTRA_TOOLS it has that many more tools.
"""

import os
import socket
import sys

import uvicorn
from fastmcp import Context, FastMCP
from fastmcp.exceptions import ToolError

page_size = os.environ.get("LIST_PAGE_SIZE")
mcp = FastMCP("crm", version="1.0.0", list_page_size=int(page_size) if page_size else None)


@mcp.tool
def add(a: int, b: int) -> int:
    """Adds two numbers."""
    return a + b


@mcp.tool
def customer(name: str) -> dict[str, str | int]:
    """Looks a customer up."""
    return {"name": name, "orders": len(name), "city": "Zürich"}


@mcp.tool
async def count_down(start: int, context: Context) -> str:
    """Counts down to zero, with progress."""
    for done in range(start):
        await context.report_progress(done + 1, start, f"{start - done - 1} left")
    return "zero"


@mcp.tool
def refuse() -> str:
    """Always fails."""
    raise ToolError("this tool always fails")


def add_extra(number: int) -> None:
    def extra() -> str:
        """One of many."""
        return str(number)

    mcp.tool(extra, name=f"extra_{number:02}")


for number in range(int(os.environ.get("EXTRA_TOOLS", "0"))):
    add_extra(number)


@mcp.resource("orders://summary")
def summary() -> str:
    """All orders in one line."""
    return "7 orders"


@mcp.resource("orders://{number}")
def order(number: int) -> str:
    """One order."""
    return f"order {number}"


@mcp.prompt
def letter(name: str) -> str:
    """A letter to a customer."""
    return f"Write a letter to {name}."


def main():
    port = int(sys.argv[1]) if len(sys.argv) > 1 else 0
    # asyncio turns Nagle's algorithm off only where the protocol is named.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    # A server that begins again is not held up by its old connections.
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", port))
    listener.listen()
    config = uvicorn.Config(mcp.http_app(path="/mcp"), log_level="warning", timeout_graceful_shutdown=1)
    print(f"listening on http://127.0.0.1:{listener.getsockname()[1]}/mcp", flush=True)
    uvicorn.Server(config).run(sockets=[listener])


main()
