from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlops_jupyter.audit import Checkpoint, InvalidNote, Receipt, Verifier
from mlops_jupyter.audit.note import Signer, check_origin
from mlops_jupyter.audit.tree import Frontier, leaf_hash

# the example of https://c2sp.org/signed-note
C2SP_KEY = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"
C2SP_NOTE = (
    "This is an example message.\n\n— example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ON"
    "ncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n"
)

SIGNER = Signer("example.com/log", bytes(range(32)))
CHECKPOINT = Checkpoint("example.com/log", 5, Frontier().extended([b"x" * 32] * 5)[0].root())
NOTE = SIGNER.sign(CHECKPOINT.to_text())


def test_the_example_of_the_specification_verifies() -> None:
    assert Verifier.parse(C2SP_KEY).open(C2SP_NOTE) == "This is an example message.\n"
    assert str(Verifier.parse(C2SP_KEY)) == C2SP_KEY


def test_a_signed_checkpoint_is_read_back() -> None:
    verifier = Verifier.parse(str(SIGNER.verifier))
    assert Checkpoint.open(NOTE, verifier) == CHECKPOINT
    assert NOTE.startswith("example.com/log\n5\n")


def test_the_signing_key_survives_its_text_form_and_does_not_show_in_repr() -> None:
    again = Signer.parse(SIGNER.to_text() + "\n")
    assert again == SIGNER
    assert base64.b64encode(SIGNER.seed).decode() not in repr(SIGNER)
    assert again.sign("text\n") == SIGNER.sign("text\n")


def test_signatures_of_unknown_keys_are_skipped() -> None:
    other = Signer("witness.example", bytes(32)).sign(CHECKPOINT.to_text())
    both = NOTE + other.partition("\n\n")[2]
    assert Checkpoint.open(both, SIGNER.verifier) == CHECKPOINT
    with pytest.raises(InvalidNote, match="not signed by the expected key"):
        Checkpoint.open(other, SIGNER.verifier)


def test_a_key_of_the_same_name_and_other_bytes_is_another_key() -> None:
    forged = Signer("example.com/log", bytes(32)).sign(CHECKPOINT.to_text())
    with pytest.raises(InvalidNote):
        Checkpoint.open(forged, SIGNER.verifier)


@given(st.integers(0, len(NOTE) - 1), st.characters(blacklist_categories=("Cs",)))
def test_a_note_with_any_character_changed_is_refused(at: int, character: str) -> None:
    changed = NOTE[:at] + character + NOTE[at + 1 :]
    if changed != NOTE:
        with pytest.raises(InvalidNote):
            Checkpoint.open(changed, SIGNER.verifier)


@pytest.mark.parametrize(
    "note",
    [
        "",
        "\n\n",
        "text\n",
        "text\n\n",
        "text\n\nno dash\n",
        "text\n\n— name\n",
        "text\n\n— name !!!!\n",
        "text\n\n— name AAAA\n",
        "te\x00xt\n\n— name AAAAAAAA\n",
        "te\rxt\n\n— name AAAAAAAA\n",
        "text\n\n— na+me AAAAAAAA\n",
        "text\n\n— name AAAAAAAA",
        "text\n\n" + "— name AAAAAAAA\n" * 101,
        "x" * (1 << 20) + "\n\n— name AAAAAAAA\n",
    ],
)
def test_a_malformed_note_is_refused(note: str) -> None:
    with pytest.raises(InvalidNote):
        SIGNER.verifier.open(note)


@pytest.mark.parametrize(
    "text",
    [
        "a\n1\n",
        "a\n01\n" + base64.b64encode(bytes(32)).decode() + "\n",
        "a\n-1\n" + base64.b64encode(bytes(32)).decode() + "\n",
        "a\n1\n" + base64.b64encode(bytes(31)).decode() + "\n",
        "a\n1\nnot base64!\n",
        "a\n\n1\n",
        "a\n١\n" + base64.b64encode(bytes(32)).decode() + "\n",
    ],
)
def test_a_malformed_checkpoint_is_refused(text: str) -> None:
    with pytest.raises(InvalidNote):
        Checkpoint.parse(text)


@pytest.mark.parametrize(
    "key",
    [
        "",
        "a+b",
        "example.com/foo+00000000+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
        "example.com/bar+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
        "example.com/foo+530d903a+AukyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
        "example.com/foo+530d903a+AekyeRrm56g=",
        "PRIVATE+KEY+" + C2SP_KEY,
    ],
)
def test_a_malformed_key_is_refused(key: str) -> None:
    with pytest.raises(InvalidNote):
        Verifier.parse(key)
    with pytest.raises(InvalidNote):
        Signer.parse(key)


@pytest.mark.parametrize(
    "name", ["", "two words", "plus+sign", "line\nbreak", "x" * 256, "a\u2003b"]
)
def test_a_log_cannot_have_a_name_that_breaks_the_format(name: str) -> None:
    with pytest.raises(InvalidNote):
        check_origin(name)


def test_text_without_newline_or_with_control_characters_is_not_signed() -> None:
    for text in ("no newline", "tab\there\n"):
        with pytest.raises(InvalidNote):
            SIGNER.sign(text)


def test_a_checkpoint_of_another_log_is_refused_though_its_signature_is_valid() -> None:
    note = SIGNER.sign(Checkpoint("example.com/other", 5, bytes(32)).to_text())
    with pytest.raises(InvalidNote, match="another log"):
        Checkpoint.open(note, SIGNER.verifier)


def test_the_receipt_of_the_only_record_has_no_steps() -> None:
    record = b'{"kind":"system"}'
    note = SIGNER.sign(Checkpoint(SIGNER.name, 1, leaf_hash(record)).to_text())
    receipt = Receipt(0, (), note)
    assert str(receipt).startswith("c2sp.org/tlog-proof@v1\nindex 0\n\nexample.com/log\n1\n")
    again = Receipt.parse(str(receipt))
    assert again == receipt
    assert again.verify(record, SIGNER.verifier).size == 1
    with pytest.raises(InvalidNote, match="does not prove"):
        again.verify(record + b" ", SIGNER.verifier)


def test_extra_data_in_a_receipt_is_skipped() -> None:
    text = str(Receipt(0, (bytes(32),), NOTE)).replace("\nindex", "\nextra AAAA\nindex", 1)
    assert Receipt.parse(text).proof == (bytes(32),)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "c2sp.org/tlog-proof@v2\nindex 0\n\n" + NOTE,
        "c2sp.org/tlog-proof@v1\n\n" + NOTE,
        "c2sp.org/tlog-proof@v1\nindex 00\n\n" + NOTE,
        "c2sp.org/tlog-proof@v1\nindex -1\n\n" + NOTE,
        "c2sp.org/tlog-proof@v1\nindex 1\nAAAA\n\n" + NOTE,
        "c2sp.org/tlog-proof@v1\nindex 1\n?\n\n" + NOTE,
        "c2sp.org/tlog-proof@v1\nindex 1\n",
    ],
)
def test_a_malformed_receipt_is_refused(text: str) -> None:
    with pytest.raises(InvalidNote):
        Receipt.parse(text)
