"""Who may talk to the study's MLflow pages: they themselves, and programs of this machine; no other page.

MLflow's own rules are wider than a page on one's own machine needs: it takes every host name that begins like a private
address (`10.evil.example`, by which a page can rebind its name to us), and every page of any port of this machine may
write.
"""

from __future__ import annotations

from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send


class Guard:
    """Answers requests to these `hosts` (`127.0.0.1:5000`) alone, and only those that no page of another origin made.

    Browsers name the origin in whatever a page writes elsewhere or wants to read there. Artifacts are shown in a
    sandbox: a report that came from elsewhere runs no script in MLflow's name.
    """

    def __init__(self, app: ASGIApp, hosts: set[str]) -> None:
        self.app = app
        self.hosts = {host.encode() for host in hosts}
        self.origins = {b"http://" + host for host in self.hosts}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            return await self.app(scope, receive, send)
        headers = dict(scope["headers"])
        origin = headers.get(b"origin")  # a program names none
        if headers.get(b"host") not in self.hosts or not (origin is None or origin in self.origins):
            refusal = PlainTextResponse(
                "refused: not asked by these pages themselves; see `python -m pipeline ui`", 403
            )
            return await refusal(scope, receive, send)

        async def sandboxed(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], (b"content-security-policy", b"sandbox")]
            await send(message)

        return await self.app(scope, receive, sandboxed if "artifact" in scope["path"] else send)
