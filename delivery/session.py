"""Attempts over aiohttp's ClientSession: for every version of aiohttp, and where `lean.py` is not used."""

import io

import aiohttp

from chainbell.delivery.attempt import (
    KEPT_LIMIT,
    LINE_LIMIT,
    READ_LIMIT,
    Answer,
    Request,
    answered,
    checked_url,
    describe,
    outcome_of,
    trusted_by,
)
from chainbell.delivery.guard import GuardPolicy

LARGE = 1 << 20
"""Bytes from which aiohttp wants a body as a file."""


class SessionClient:
    """A client without cookies, proxies from the environment or decompression. It closes the connector."""

    def __init__(self, connector: aiohttp.TCPConnector, policy: GuardPolicy) -> None:
        self._policy = policy
        self._session = aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            trust_env=False,
            max_line_size=LINE_LIMIT,
            max_field_size=LINE_LIMIT,
        )

    async def post(self, request: Request, seconds: float) -> Answer:
        """Makes one attempt within so many seconds and returns an Answer however it ends."""
        try:
            async with self._session.post(
                checked_url(request.url, self._policy),
                data=request.body if len(request.body) < LARGE else io.BytesIO(request.body),
                headers={**request.constant_headers, **request.headers},
                allow_redirects=False,
                ssl=trusted_by(request.ca_certificates),
                timeout=aiohttp.ClientTimeout(total=max(0.001, seconds)),
            ) as response:
                read = bytearray()
                while len(read) < READ_LIMIT and (chunk := await response.content.read(READ_LIMIT - len(read))):
                    read += chunk
                if not response.content.at_eof():
                    response.close()  # the rest of an over-long answer is not read
                return answered(response.status, response.reason, response.headers, bytes(read[:KEPT_LIMIT]))
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            return Answer(outcome_of(error), error=describe(error))

    async def close(self) -> None:
        """Closes its connections."""
        await self._session.close()
