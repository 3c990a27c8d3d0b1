"""MiniStack, mended where nothing can be set.

Its gateway asks for the keys of a user pool by http://, also where it serves by TLS only, and then refuses every token of
its own sign-in.
"""

from ministack.app import app
from ministack.services import apigateway

__all__ = ["app"]

fetch = apigateway._fetch_jwks


async def fetch_by_tls(url: str) -> dict:
    return await fetch(url.replace("http://", "https://", 1))


apigateway._fetch_jwks = fetch_by_tls
