"""A session with PyPI `fastmcp`. See README.md."""

import asyncio
import os
import sys

import mcp_types as types
from fastmcp import Client
from fastmcp.client.elicitation import ElicitResult

from session import arguments, fill, plain, run, say


async def main():
    url, mode, steps = arguments()
    notices = []

    async def elicited(_message, _kind, params, _context):
        return ElicitResult(action="accept", content=fill(params.requested_schema))

    async def sampled(_messages, _params, _context):
        return "sampled"

    async def logged(message):
        notices.append(plain(message))

    async def progressed(progress, total, message):
        notices.append({"progress": progress, "total": total, "message": message})

    client = Client(
        url,
        auth=os.environ.get("GANTRY_API_KEY"),
        mode=mode,
        timeout=30,
        elicitation_handler=elicited,
        sampling_handler=sampled,
        log_handler=logged,
        client_info=types.Implementation(name="gantry-peer", version="1"),
    )
    lists = {
        "tools": client.list_tools_mcp,
        "resources": client.list_resources_mcp,
        "resource_templates": client.list_resource_templates_mcp,
        "prompts": client.list_prompts_mcp,
    }

    async def take(step):
        if "list" in step:
            return await lists[step["list"]]()
        if "read" in step:
            return await client.read_resource_mcp(step["read"])
        if "prompt" in step:
            return await client.get_prompt_mcp(step["prompt"], step.get("arguments"))
        handler = progressed if step.get("progress") else None
        return await client.call_tool_mcp(step["call"], step.get("arguments", {}), progress_handler=handler)

    async with client:
        server = client.server_info
        say({"connected": server and plain(server), "revision": client.protocol_version})
        return await run(steps, client.protocol_version, notices, take)


sys.exit(asyncio.run(main()))
