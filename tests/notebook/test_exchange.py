"""What went into a call and what came out, side by side: read where it can be, named where not."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlops_jupyter.notebook.exchange import exchange_html, exchange_text

from ..client.test_payloads import FORMS, UNKNOWN
from .facts import XSS
from .test_displays import Reader


@pytest.mark.parametrize("kind", [kind for kind, data in UNKNOWN.items() if data])
def test_what_cannot_be_read_is_shown_by_its_digest(kind):
    assert "sha256" in exchange_text({"input": UNKNOWN[kind]}, {})


@given(st.binary(max_size=200), st.sampled_from(["", "application/json", "text/csv"]))
def test_no_bytes_at_all_break_the_picture(data, content_type):
    for payload in (data, FORMS["OIP with binary tensors"][0][: len(data)] + data):
        Reader(exchange_html({"input": payload}, {"input": content_type}))
        assert exchange_text({"input": payload}, {"input": content_type})


def test_untrusted_names_and_values_stay_text():
    evil = json.dumps({"dataframe_records": [{XSS: XSS + "\x1b[31m"}, {XSS: "\u202e"}]}).encode()
    page = Reader(exchange_html({"input": evil, "output": XSS.encode()}, {}))
    assert not {"script", "img"} & set(page.tags)
    assert "alert(1)" in page.text
    shown = exchange_text({"input": evil}, {})
    assert "\x1b" not in shown
    assert "\u202e" not in shown
