"""A session with PyPI `mcp`. See README.md."""

import asyncio
import os
import sys

import httpx2
import mcp_types as types
from mcp import Client
from mcp.client.streamable_http import streamable_http_client

from session import arguments, fill, plain, run, say


async def main():
    url, mode, steps = arguments()
    key = os.environ.get("GANTRY_API_KEY")
    notices = []

    async def elicited(_context, params):
        return types.ElicitResult(action="accept", content=fill(params.requested_schema))

    async def sampled(_context, _params):
        text = types.TextContent(type="text", text="sampled")
        return types.CreateMessageResult(role="assistant", model="none", content=text)

    async def logged(params):
        notices.append(plain(params))

    async def progressed(progress, total, message):
        notices.append({"progress": progress, "total": total, "message": message})

    headers = {"x-api-key": key} if key else {}
    http = httpx2.AsyncClient(headers=headers, timeout=30, follow_redirects=True)
    client = Client(
        streamable_http_client(url, http_client=http) if key else url,
        mode=mode,
        read_timeout_seconds=30,
        elicitation_callback=elicited,
        sampling_callback=sampled,
        logging_callback=logged,
        client_info=types.Implementation(name="gantry-peer", version="1"),
        cache=None,
    )

    lists = {
        "tools": client.list_tools,
        "resources": client.list_resources,
        "resource_templates": client.list_resource_templates,
        "prompts": client.list_prompts,
    }

    async def take(step):
        if "list" in step:
            return await lists[step["list"]]()
        if "read" in step:
            return await client.read_resource(step["read"])
        if "prompt" in step:
            return await client.get_prompt(step["prompt"], step.get("arguments"))
        callback = progressed if step.get("progress") else None
        return await client.call_tool(step["call"], step.get("arguments", {}), progress_callback=callback)

    async with client:
        server = client.server_info
        say({"connected": server and plain(server), "revision": client.protocol_version})
        return await run(steps, client.protocol_version, notices, take)


sys.exit(asyncio.run(main()))
