"""A bare ASGI application that answers every request alike: the reference unit."""

from typing import Any

BODY = b'{"model_name":"echo","outputs":[{"name":"o","datatype":"INT64","shape":[1],"data":[1]}]}'
HEADERS = [(b"content-type", b"application/json"), (b"content-length", str(len(BODY)).encode())]


async def app(scope: dict[str, Any], receive: Any, send: Any) -> None:
    if scope["type"] != "http":
        return
    while (await receive()).get("more_body"):
        pass
    await send({"type": "http.response.start", "status": 200, "headers": HEADERS})
    await send({"type": "http.response.body", "body": BODY})
