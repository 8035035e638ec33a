"""The words: names, references, scaling policies, traffic and errors."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlops_jupyter.types import (
    AuditUnavailable,
    Conflict,
    InvalidRequest,
    MlopsError,
    ModelRef,
    NotFound,
    ScalingPolicy,
    StepFailed,
    Traffic,
    check_name,
    did_you_mean,
    digest_folder,
    error_from_dict,
)

ODD_NAMES = [
    "", "../x", "..", "a/../b", "a..b", "Upper", "-x", ".x", "a b", "a#b", "a'b", 'a"b', "<img>",
    "a\0b", "a\u202eb", "é", "a" * 64, "x" * 10_000, "a\n", "C:\\x",
]  # fmt: skip


@pytest.mark.parametrize("name", ["churn", "churn-eu.v2", "0", "a" * 63, "a_b"])
def test_ordinary_names_are_taken(name: str) -> None:
    assert check_name(name) == name


@pytest.mark.parametrize("name", ODD_NAMES)
def test_odd_names_are_refused_and_shown_escaped_and_cut(name: str) -> None:
    with pytest.raises(InvalidRequest) as refusal:
        check_name(name, "model name")
    assert refusal.value.code == "invalid_name"
    assert refusal.value.message.isascii() or "…" in refusal.value.message
    assert len(refusal.value.message) < 100
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    ("text", "parsed"),
    [
        ("churn", ModelRef("churn")),
        ("churn/3", ModelRef("churn", version=3)),
        ("churn@champion", ModelRef("churn", alias="champion")),
    ],
)
def test_a_reference_is_read_and_written_alike(text: str, parsed: ModelRef) -> None:
    assert ModelRef.parse(text) == parsed
    assert str(parsed) == text


@pytest.mark.parametrize("text", ["churn/0", "churn/x", "churn/", "churn@", "@x", "a/1@b", "/3"])
def test_a_bad_reference_is_refused(text: str) -> None:
    with pytest.raises(InvalidRequest):
        ModelRef.parse(text)


@pytest.mark.parametrize(
    ("text", "policy"),
    [
        ("fixed", ScalingPolicy("fixed", 1, 1)),
        ("fixed:3", ScalingPolicy("fixed", 3, 3)),
        ("elastic:1-4", ScalingPolicy("elastic", 1, 4)),
        ("elastic:2-8,target=2.5", ScalingPolicy("elastic", 2, 8, 2.5)),
        ("serverless", ScalingPolicy("serverless", 0, 1)),
        ("serverless:0-3,target=4,idle=5s", ScalingPolicy("serverless", 0, 3, 4.0, 5.0)),
    ],
)
def test_a_scaling_policy_is_read(text: str, policy: ScalingPolicy) -> None:
    assert ScalingPolicy.parse(text) == policy


@pytest.mark.parametrize(
    "text",
    [
        "", "fast", "fixed:0", "fixed:-1", "fixed:1-2", "elastic", "elastic:0-3", "elastic:4-2",
        "elastic:1-2,idle=3s", "serverless:1-2", "serverless,idle=0", "elastic:1-2,target=0",
        "fixed:99999", "elastic:1-2,", "elastic:1-2,size=3", "serverless:0-0", "fixed:1;rm",
    ],
)  # fmt: skip
def test_a_bad_scaling_policy_is_refused_with_the_forms_that_there_are(text: str) -> None:
    with pytest.raises(InvalidRequest) as refusal:
        ScalingPolicy.parse(text)
    assert "elastic:MIN-MAX" in refusal.value.fix


@given(
    st.sampled_from(["elastic", "serverless"]),
    st.integers(1, 20),
    st.integers(0, 20),
    st.integers(1, 400),
)
def test_a_policy_is_written_so_that_it_reads_the_same(
    mode: str, low: int, more: int, target: int
) -> None:
    low = low if mode == "elastic" else 0
    policy = ScalingPolicy(mode, low, low + more + 1, target / 4)  # type: ignore[arg-type]
    assert ScalingPolicy.parse(str(policy)) == policy


@pytest.mark.parametrize(
    ("weights", "shadows"),
    [({}, ()), ({1: 50, 2: 40}, ()), ({1: 110, 2: -10}, ()), ({1: 100}, (1,))],
)
def test_traffic_that_does_not_add_up_is_refused(
    weights: dict[int, int], shadows: tuple[int, ...]
) -> None:
    with pytest.raises(InvalidRequest) as refusal:
        Traffic(weights, shadows)
    assert refusal.value.code == "invalid_traffic"


def test_traffic_knows_its_main_version_and_all_it_needs() -> None:
    traffic = Traffic({1: 90, 2: 10, 3: 0}, shadows=(4,))
    assert traffic.main == 1
    assert traffic.versions == (1, 2, 4)


def test_a_near_miss_is_named() -> None:
    assert did_you_mean("chrun", ["churn", "fraud"]) == "Did you mean 'churn'?"
    assert did_you_mean("zzz", ["churn", "fraud"]) == "There is 'churn', 'fraud'."
    assert did_you_mean("zzz", []) == ""


def test_an_error_survives_the_way_over_http() -> None:
    error = Conflict("It moved.", reason="The revision is 3.", fix="Look again.", code="moved")
    back = error_from_dict(409, error.to_dict())
    assert type(back) is Conflict
    assert back.to_dict() == error.to_dict()
    for kind in (AuditUnavailable, StepFailed):
        assert type(error_from_dict(kind.status, kind("No.").to_dict())) is kind
    assert error_from_dict(418, {}).status == 418


def test_an_error_is_one_line_in_a_cell() -> None:
    error: MlopsError = NotFound("There is no endpoint 'x'.", fix="Deploy it.")
    assert error._render_traceback_() == ["NotFound: There is no endpoint 'x'. Deploy it."]


def test_what_why_and_fix_are_told_apart_whatever_their_ends() -> None:
    error = MlopsError("The model fails", reason="weights.bin is missing", fix="Is it there?\n")
    assert str(error) == "The model fails. weights.bin is missing. Is it there?"
    assert str(MlopsError("Only this.")) == "Only this."


def test_a_folders_digest_follows_every_byte_and_name(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "model").write_bytes(b"1")
    first = digest_folder(tmp_path)
    (tmp_path / "a" / "model").write_bytes(b"2")
    second = digest_folder(tmp_path)
    (tmp_path / "a" / "model").rename(tmp_path / "a" / "other")
    assert len({first, second, digest_folder(tmp_path)}) == 3


def test_a_link_in_a_model_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("/etc/hostname")
    with pytest.raises(ValueError, match="not a plain file"):
        digest_folder(tmp_path)
