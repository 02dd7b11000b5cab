"""An MCP server over stdio on PyPI `fastmcp` that tells about its process, and misbehaves when asked to. See README.md."""

import asyncio
import os
import subprocess
import sys

from fastmcp import Context, FastMCP

mcp = FastMCP("programs", version="1.0.0")


@mcp.tool
def pid() -> int:
    """The process that answers."""
    return os.getpid()


@mcp.tool
def environment() -> dict[str, str]:
    """Its environment."""
    return dict(os.environ)


@mcp.tool
def folder() -> str:
    """Where it is."""
    return os.getcwd()


@mcp.tool
def family() -> list[int]:
    """Itself, a child, and one that has left its parent and its group."""
    child = subprocess.Popen(["sleep", "3600"], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    script = "sleep 3600 >/dev/null 2>&1 </dev/null & echo $!"
    runaway = subprocess.run(["setsid", "sh", "-c", script], capture_output=True, text=True, check=True)
    return [os.getpid(), child.pid, int(runaway.stdout)]


@mcp.tool
def hog(mebibytes: int) -> int:
    """Takes memory."""
    return len(bytearray(mebibytes << 20))


@mcp.tool
def echo(text: str) -> str:
    """Says it again."""
    return text


@mcp.tool
def die() -> str:
    """Ends at once."""
    os._exit(3)


@mcp.tool
def complain(text: str, times: int = 1) -> str:
    """Writes to the error output."""
    for _ in range(times):
        print(text, file=sys.stderr, flush=True)
    return "done"


@mcp.tool
async def wait(seconds: float, context: Context) -> str:
    """Waits, and says so when it is cancelled."""
    try:
        await context.report_progress(0, seconds, "begun")
        await asyncio.sleep(seconds)
    except asyncio.CancelledError:
        print("a wait was cancelled", file=sys.stderr, flush=True)
        raise
    return "waited"


mcp.run(show_banner=False)
