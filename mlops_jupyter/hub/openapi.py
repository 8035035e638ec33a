"""The OpenAPI 3.1 document, made from the route table and the types it names."""

from __future__ import annotations

from typing import Any

import msgspec

from mlops_jupyter.hub.routes import JSON, Route

_REF = "#/components/schemas/{name}"

_ERRORS = {
    400: "The request cannot be understood.",
    401: "Nobody proved who is calling.",
    403: "The caller may not do this.",
    404: "There is no such thing.",
    405: "The path is there for other methods only.",
    408: "The sender was too slow.",
    409: "Somebody else was first; the reason names the present revision.",
    413: "The body is over the limit.",
    422: "The request is well-formed and does not fit.",
    429: "The queue is full; see Retry-After.",
    500: "The model or the hub failed.",
    502: "The worker died while it held the call.",
    503: "Not now: no replica, the hub is stopping, or the audit cannot be written.",
    504: "No answer within the endpoint's deadline.",
}


class ErrorBody(msgspec.Struct):
    """What happened, why, and how to fix it; `code` is stable and meant for programs."""

    code: str
    message: str
    reason: str
    fix: str


def document(routes: tuple[Route, ...], data_routes: dict[str, Any], version: str) -> bytes:
    """The document as JSON; `data_routes` are paths of the data plane, written out already."""
    types = [kind for route in routes for kind in (route.answer, route.body) if _is_type(kind)]
    schemas, components = msgspec.json.schema_components([*types, ErrorBody], ref_template=_REF)
    of_type = {repr(kind): schema for kind, schema in zip(types, schemas, strict=False)}
    paths: dict[str, Any] = {}
    for route in routes:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route, of_type)
    for path, operations in data_routes.items():
        paths.setdefault(path, {}).update(operations)
    return msgspec.json.encode(
        {
            "openapi": "3.1.0",
            "info": {
                "title": "mlops-jupyter hub",
                "version": version,
                "description": "Deploy, scale, call and audit models. One port serves control "
                "and data; every error has the same four fields.",
                "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
            },
            "paths": dict(sorted(paths.items())),
            "components": {
                "schemas": {**components, **_tensor_schemas()},
                "securitySchemes": {
                    "token": {
                        "type": "http",
                        "scheme": "bearer",
                        "description": "The local user's token file, or an application's token. "
                        "On the Unix socket the peer's credentials prove the local user.",
                    }
                },
            },
            "security": [{"token": []}],
        }
    )


def _is_type(kind: Any) -> bool:
    return kind is not None and not isinstance(kind, str)


def _operation(route: Route, of_type: dict[str, Any]) -> dict[str, Any]:
    name = route.path.strip("/").replace("{", "").replace("}", "")
    operation: dict[str, Any] = {
        "operationId": "_".join([route.method.lower(), *name.replace(".", "_").split("/")]),
        "summary": route.summary,
        "responses": {str(route.status): _success(route, of_type)},
    }
    parameters = [
        {"name": one, "in": "path", "required": True, "schema": {"type": "string"}}
        for one in route.names
    ]
    if route.query is not None:
        parameters += _query_parameters(route.query)
    if parameters:
        operation["parameters"] = parameters
    if route.body is not None:
        operation["requestBody"] = {
            "required": True,
            "content": {JSON: {"schema": of_type[repr(route.body)]}},
        }
    for status in _error_statuses(route):
        operation["responses"][str(status)] = error_response(status)
    if route.action is None:
        operation["security"] = []
    return operation


def _success(route: Route, of_type: dict[str, Any]) -> dict[str, Any]:
    described: dict[str, Any] = {"description": "Done."}
    if isinstance(route.answer, str):
        described["content"] = {route.answer: {"schema": {"type": "string"}}}
    elif route.answer is not None:
        described["content"] = {JSON: {"schema": of_type[repr(route.answer)]}}
    return described


def _query_parameters(query: type) -> list[dict[str, Any]]:
    (_, components) = msgspec.json.schema_components([query], ref_template=_REF)
    schema = components[query.__name__]
    return [
        {"name": name, "in": "query", "required": name in schema["required"], "schema": one}
        for name, one in schema["properties"].items()
    ]


def _error_statuses(route: Route) -> list[int]:
    statuses = set(route.errors)
    if route.action is not None:
        statuses |= {401, 403}
    if route.names:
        statuses.add(404)
    if route.query is not None:
        statuses.add(400)
    if route.body is not None:
        statuses |= {400, 413, 422}
    if route.changes:
        statuses.add(503)
    return sorted(statuses)


def error_response(status: int) -> dict[str, Any]:
    """The response object of an error."""
    schema = {"$ref": _REF.format(name="ErrorBody")}
    return {"description": _ERRORS[status], "content": {JSON: {"schema": schema}}}


def _tensor_schemas() -> dict[str, Any]:
    """The Open Inference Protocol's request and response, as its REST specification has them."""
    tensor = {
        "type": "object",
        "required": ["name", "shape", "datatype", "data"],
        "properties": {
            "name": {"type": "string"},
            "shape": {"type": "array", "items": {"type": "integer"}},
            "datatype": {"type": "string"},
            "parameters": {"type": "object"},
            "data": {"type": "array"},
        },
    }
    tensors = {"type": "array", "items": {"$ref": _REF.format(name="Tensor")}}
    return {
        "Tensor": tensor,
        "InferenceRequest": {
            "type": "object",
            "required": ["inputs"],
            "properties": {
                "id": {"type": "string"},
                "parameters": {"type": "object"},
                "inputs": tensors,
                "outputs": {"type": "array", "items": {"type": "object"}},
            },
        },
        "InferenceResponse": {
            "type": "object",
            "required": ["model_name", "outputs"],
            "properties": {
                "model_name": {"type": "string"},
                "model_version": {"type": "string"},
                "id": {"type": "string"},
                "parameters": {"type": "object"},
                "outputs": tensors,
            },
        },
    }
