"""Pages of other sites reach nothing here."""

import pytest

from mlops_jupyter.access import allowed, check_site, same_origin
from mlops_jupyter.types import Forbidden

PORT = 8123


@pytest.mark.parametrize("host", [b"localhost:8123", b"127.0.0.1:8123", b"[::1]:8123"])
def test_this_computers_names_with_the_right_port_are_allowed(host):
    assert allowed(host, PORT)


@pytest.mark.parametrize(
    "host",
    [
        None,
        b"",
        b"evil-localhost.com:8123",
        b"localhost.evil.com:8123",
        b"127.0.0.1.nip.io:8123",
        b"evil.com:8123",
        b"localhost@evil.com:8123",
        b"evil.com#localhost:8123",
        b"localhost",
        b"127.0.0.1",
        b"[::1]",
        b"localhost:8124",
        b"localhost:81230",
        b"localhost:08123",
        b"localhost:8123 ",
        b" localhost:8123",
        b"localhost:8123\x00",
        b"localhost:8123, evil.com",
        b"localhost:",
        b":8123",
        b"LOCALHOST:8123",
        b"localhost.:8123",
        b"127.0.0.1.:8123",
        b"127.1:8123",
        b"127.0.0.2:8123",
        b"0.0.0.0:8123",
        b"2130706433:8123",
        b"0x7f.0.0.1:8123",
        b"::1:8123",
        b"[::1%lo]:8123",
        b"[0:0:0:0:0:0:0:1]:8123",
        b"[::ffff:127.0.0.1]:8123",
        b"[::]:8123",
        "ⓛocalhost:8123".encode(),
        b"x" * 1_000_000,
    ],
)
def test_everything_else_is_refused(host):
    assert not allowed(host, PORT)
    with pytest.raises(Forbidden) as caught:
        check_site(b"GET", host, None, PORT)
    assert caught.value.code == "host_not_allowed"
    assert "http://127.0.0.1:8123" in caught.value.fix
    assert "evil" not in str(caught.value)


def test_the_port_may_be_left_out_only_where_http_leaves_it_out():
    assert allowed(b"localhost", 80)
    assert allowed(b"localhost:80", 80)
    assert not allowed(b"localhost", 443)


@pytest.mark.parametrize("method", [b"POST", b"PUT", b"DELETE", b"PATCH", b"OPTIONS"])
@pytest.mark.parametrize(
    "origin",
    [
        b"http://evil.com",
        b"https://127.0.0.1:8123",
        b"http://127.0.0.1",
        b"http://127.0.0.1:8888",
        b"http://127.0.0.1:8123.evil.com",
        b"http://127.0.0.1:8123/",
        b"http://evil-localhost.com:8123",
        b"null",
        b"",
        b"file://",
        b"127.0.0.1:8123",
    ],
)
def test_a_page_of_another_origin_changes_nothing(method, origin):
    assert not same_origin(origin, PORT)
    with pytest.raises(Forbidden) as caught:
        check_site(method, b"127.0.0.1:8123", origin, PORT)
    assert caught.value.code == "origin_not_allowed"


@pytest.mark.parametrize("origin", [None, b"http://127.0.0.1:8123", b"http://localhost:8123"])
def test_programs_and_the_hubs_own_pages_may(origin):
    check_site(b"POST", b"127.0.0.1:8123", origin, PORT)


def test_reading_needs_no_origin_because_browsers_keep_the_answer_to_themselves():
    check_site(b"GET", b"127.0.0.1:8123", b"http://evil.com", PORT)
