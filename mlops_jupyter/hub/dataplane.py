"""The data plane's paths as the OpenAPI document shows them; `serving.gateway` answers them."""

from __future__ import annotations

from typing import Any

from mlops_jupyter.hub.openapi import error_response

_CALL_ERRORS = (400, 401, 403, 404, 408, 413, 422, 429, 500, 502, 503, 504)
_NAME = {"name": "name", "in": "path", "required": True, "schema": {"type": "string"}}
_VERSION = {"name": "version", "in": "path", "required": True, "schema": {"type": "integer"}}
_OBJECT = {"application/json": {"schema": {"type": "object"}}}
_RECORDED = {
    "X-Request-Id": {"description": "Id of the call's record.", "schema": {"type": "string"}},
    "X-Audit-Record": {
        "description": "Log and index of the call's record.",
        "schema": {"type": "string"},
    },
}


def paths() -> dict[str, Any]:
    """Path items by path."""
    found: dict[str, Any] = {
        "/v2": {"get": _read("server_metadata", "Name, version and extensions of the server.")},
        "/v2/health/live": {"get": _read("server_live", "Whether the server lives.", opened=True)},
        "/v2/health/ready": {
            "get": _read("server_ready", "Whether the server takes calls.", opened=True)
        },
        "/metrics": {"get": _metrics()},
        "/endpoints/{name}/invocations": {"post": _invocations()},
    }
    for prefix, suffix, variables in (
        ("/v2/models/{name}", "", [_NAME]),
        ("/v2/models/{name}/versions/{version}", "_version", [_NAME, _VERSION]),
    ):
        metadata = _read(f"model_metadata{suffix}", "Inputs and outputs.", variables)
        ready = _read(f"model_ready{suffix}", "Whether it answers.", variables)
        ready["responses"]["503"] = {"description": "No replica is ready.", "content": _OBJECT}
        found[prefix] = {"get": metadata}
        found[f"{prefix}/ready"] = {"get": ready}
        found[f"{prefix}/infer"] = {"post": _infer(f"infer{suffix}", variables)}
    return found


def _read(
    operation: str, summary: str, variables: list[Any] | None = None, *, opened: bool = False
) -> dict[str, Any]:
    item: dict[str, Any] = {
        "operationId": operation,
        "summary": summary,
        "responses": {"200": {"description": "Done.", "content": _OBJECT}},
    }
    if opened:
        item["security"] = []
    else:
        errors = (401, 403, 404) if variables else (401, 403)
        item["responses"] |= {str(status): error_response(status) for status in errors}
    if variables:
        item["parameters"] = variables
    return item


def _metrics() -> dict[str, Any]:
    item = _read("metrics", "Counters of all endpoints for Prometheus.")
    item["responses"]["200"]["content"] = {"text/plain": {"schema": {"type": "string"}}}
    return item


def _call(operation: str, summary: str, variables: list[Any]) -> dict[str, Any]:
    item: dict[str, Any] = {
        "operationId": operation,
        "summary": summary,
        "parameters": variables,
        "responses": {"200": {"description": "The answer.", "headers": _RECORDED}},
    }
    item["responses"] |= {str(status): error_response(status) for status in _CALL_ERRORS}
    return item


def _infer(operation: str, variables: list[Any]) -> dict[str, Any]:
    item = _call(operation, "Predict, by the Open Inference Protocol v2.", variables)
    item["requestBody"] = {"required": True, "content": _referring("InferenceRequest")}
    item["responses"]["200"]["content"] = _referring("InferenceResponse")
    return item


def _invocations() -> dict[str, Any]:
    item = _call("invocations", "Predict, by the shapes of MLflow's scoring server.", [_NAME])
    shapes = ("dataframe_split", "dataframe_records", "instances", "inputs")
    body = {"type": "object", "properties": {shape: {} for shape in (*shapes, "params")}}
    item["requestBody"] = {
        "required": True,
        "content": {
            "application/json": {"schema": body},
            "text/csv": {"schema": {"type": "string"}},
        },
    }
    item["responses"]["200"]["content"] = _OBJECT
    return item


def _referring(name: str) -> dict[str, Any]:
    return {"application/json": {"schema": {"$ref": f"#/components/schemas/{name}"}}}
