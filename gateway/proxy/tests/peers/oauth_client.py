"""The whole OAuth flow with PyPI `mcp`. See README.md."""

import asyncio
import json
import sys
from urllib.parse import parse_qs, urlsplit

import httpx2 as httpx
import mcp.client.auth as auth
from mcp import Client
from mcp.client.auth.extensions.client_credentials import ClientCredentialsOAuthProvider
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.auth import OAuthClientMetadata

BACK = "http://127.0.0.1:9/callback"


class Kept(auth.TokenStorage):
    tokens = None
    client = None

    async def get_tokens(self):
        return self.tokens

    async def set_tokens(self, tokens):
        self.tokens = tokens

    async def get_client_info(self):
        return self.client

    async def set_client_info(self, client_info):
        self.client = client_info


async def browse(start):
    """Follows redirects with cookies, as a browser would, until one leads back to the client."""
    async with httpx.AsyncClient(trust_env=False) as browser:
        at = start
        for _ in range(12):
            response = await browser.get(at, follow_redirects=False)
            at = str(response.url.join(response.headers["location"]))
            if at.startswith(BACK):
                return {name: values[0] for name, values in parse_qs(urlsplit(at).query).items()}
    raise RuntimeError("too many redirections")


def provider(url, kind, kept):
    if kind == "machine":
        return ClientCredentialsOAuthProvider(url, kept, "agent-a", "agent-a-secret", scope="mcp:use mcp:write")
    answers = []

    async def redirect(to):
        answers.append(await browse(to))

    async def callback():
        answer = answers.pop()
        return auth.AuthorizationCodeResult(code=answer["code"], state=answer.get("state"), iss=answer.get("iss"))

    metadata = OAuthClientMetadata(
        client_name="gantry-peer",
        redirect_uris=[BACK],
        grant_types=["authorization_code", "refresh_token"],
        response_types=["code"],
        token_endpoint_auth_method="none",
    )
    return auth.OAuthClientProvider(url, metadata, kept, redirect, callback)


async def main():
    url, kind = sys.argv[1:3]
    kept = Kept()
    async with httpx.AsyncClient(auth=provider(url, kind, kept), trust_env=False, timeout=30) as http:
        async with Client(streamable_http_client(url, http_client=http)) as client:
            for name, arguments in (("echo", {"text": "hello"}), ("slow", {"ms": 1})):
                result = await client.call_tool(name, arguments)
                print(json.dumps({name: [block.text for block in result.content]}))
    print(json.dumps({"scope": kept.tokens.scope}))


asyncio.run(main())
