"""Paths match exactly as sent; tricks with them find nothing."""

import pytest

from mlops_jupyter.hub.routes import MethodNotAllowed, Route, Table
from mlops_jupyter.types import NotFound


async def handle(_call):
    return None


TABLE = Table(
    [
        Route("GET", "/endpoints", "read", "", handle),
        Route("GET", "/endpoints/{name}", "read", "", handle),
        Route("PUT", "/endpoints/{name}", "deploy", "", handle),
        Route("POST", "/endpoints/{name}/scale", "deploy", "", handle),
        Route("GET", "/audit/records/{key}", "audit", "", handle),
        Route("GET", "/audit/records/newest", "audit", "", handle),
    ]
)


def test_a_variable_is_one_part_of_the_path_decoded():
    route, values = TABLE.match("GET", "/endpoints/churn%2Feu")
    assert route.path == "/endpoints/{name}"
    assert values == {"name": "churn/eu"}


def test_an_exact_path_wins_over_one_with_variables():
    assert TABLE.match("GET", "/audit/records/newest")[0].path == "/audit/records/newest"
    assert TABLE.match("GET", "/audit/records/7")[1] == {"key": "7"}


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "",
        "//endpoints",
        "/endpoints/",
        "/Endpoints",
        "/endpoints//scale",
        "/endpoints/churn/scale/",
        "/endpoints/churn/../churn",
        "/%65ndpoints",
        "endpoints",
        "/endpoints/churn/scale/x",
    ],
)
def test_a_path_that_is_not_there_is_not_found(path):
    with pytest.raises(NotFound):
        TABLE.match("GET", path)


def test_another_method_is_refused_with_those_that_there_are():
    with pytest.raises(MethodNotAllowed) as caught:
        TABLE.match("DELETE", "/endpoints/churn")
    assert caught.value.status == 405
    assert "GET or PUT" in caught.value.fix


def test_a_route_cannot_be_there_twice():
    with pytest.raises(ValueError, match="twice"):
        Table([TABLE.routes[0], TABLE.routes[0]])
