"""A repeat is identical, the same within a tolerance, or differs in things that are named."""

import json
import math

from hypothesis import given
from hypothesis import strategies as st

from mlops_jupyter.training.compare import (
    CellFacts,
    RunFacts,
    compare,
    facts_of,
    output_text,
    same_but_for_numbers,
)
from mlops_jupyter.types import CellProgress, RunSpec, RunStatus


def cell(index, outputs="", title="Fit", source="s", text=None):
    return CellFacts(index, title, source, outputs, text)


def facts(**changes):
    known = {
        "metrics": {"auc": 0.931, "loss": 0.2},
        "cells": (cell(1, "a", "Load"), cell(3, "b", "Fit")),
        "artifacts": {"model.pkl": "c"},
        "predictions": {"churn": "d"},
    }
    return RunFacts(**{**known, **changes})


def test_what_is_the_same_is_identical_and_counted():
    verdict = compare(facts(), facts())
    assert verdict.kind == "identical"
    assert str(verdict) == "identical: 2 metrics, 1 prediction, 1 artifact, 2 cells"
    assert verdict.first_cell is None


def test_a_metric_that_differs_is_named_with_both_values():
    verdict = compare(facts(), facts(metrics={"auc": 0.902, "loss": 0.2}))
    assert verdict.kind == "differs"
    assert str(verdict) == "differs in: metric auc (0.931 vs 0.902)"


def test_values_are_shown_with_as_many_digits_as_tell_them_apart():
    verdict = compare(facts(metrics={"auc": 0.12345678}), facts(metrics={"auc": 0.12345699}))
    assert "(0.1234568 vs 0.123457)" in str(verdict)


def test_a_metric_within_the_tolerance_is_close():
    verdict = compare(facts(), facts(metrics={"auc": 0.931 * (1 + 1e-9), "loss": 0.2}))
    assert verdict.kind == "within_tolerance"
    assert str(verdict).startswith("within tolerance (1e-06): metric auc (")
    strict = compare(facts(), facts(metrics={"auc": 0.931 * (1 + 1e-9), "loss": 0.2}), 0.0)
    assert strict.kind == "differs"


def test_zero_and_a_rounding_error_are_close_and_nan_is_nan():
    verdict = compare(facts(metrics={"a": 0.0}), facts(metrics={"a": 1e-17}))
    assert verdict.kind == "within_tolerance"
    assert compare(facts(metrics={"a": math.nan}), facts(metrics={"a": math.nan})).kind == (
        "identical"
    )
    assert compare(facts(metrics={"a": math.nan}), facts(metrics={"a": 1.0})).kind == "differs"


def test_a_metric_that_only_one_has_is_a_difference():
    verdict = compare(facts(), facts(metrics={"auc": 0.931}))
    assert str(verdict) == "differs in: metric loss (the second has none)"


def test_the_first_cell_whose_output_differs_is_named():
    second = facts(cells=(cell(1, "x", "Load"), cell(3, "y", "Fit")))
    verdict = compare(facts(), second)
    assert verdict.first_cell == 1
    assert str(verdict) == "differs in: cell 1 'Load' (its output), cell 3 'Fit' (its output)"


def test_an_output_with_other_numbers_within_the_tolerance_is_close():
    first = facts(cells=(cell(3, "a", text="auc = 0.93100000 of 7"),))
    second = facts(cells=(cell(3, "b", text="auc = 0.93100001 of 7"),))
    verdict = compare(first, second)
    assert verdict.kind == "within_tolerance"
    assert verdict.first_cell == 3
    third = facts(cells=(cell(3, "c", text="auc = 0.93 of 8"),))
    assert compare(first, third).kind == "differs"


def test_after_other_code_no_outputs_are_compared():
    second = facts(cells=(cell(1, "a", "Load", "other"), cell(3, "y", "Fit")))
    verdict = compare(facts(), second)
    assert str(verdict) == "differs in: cell 1 'Load' (its code is another)"


def test_a_missing_cell_is_a_difference():
    verdict = compare(facts(), facts(cells=(cell(1, "a", "Load"),)))
    assert str(verdict) == "differs in: number of cells (2 vs 1)"


def test_predictions_are_compared_as_numbers_where_somebody_did():
    second = facts(predictions={"churn": "other"})
    assert compare(facts(), second).kind == "differs"
    close = compare(facts(), second, deviations={"churn": 1e-9})
    assert str(close).startswith("within tolerance (1e-06): predictions of churn (by at most 1e-09")
    far = compare(facts(), second, deviations={"churn": 0.02})
    assert str(far) == "differs in: predictions of churn (by at most 0.02, relative)"


def test_artifacts_are_compared_by_their_digests():
    verdict = compare(facts(), facts(artifacts={"model.pkl": "x", "new.csv": "y"}))
    assert str(verdict) == ("differs in: artifact model.pkl, artifact new.csv (the first has none)")


def test_other_inputs_are_a_cause_and_no_difference():
    first = facts(inputs={"environment": "a", "data train": "b"})
    second = facts(inputs={"environment": "x", "data train": "b"})
    verdict = compare(first, second)
    assert verdict.kind == "identical"
    assert str(verdict).endswith(". Not given the same: environment")


def test_what_is_gone_is_said():
    verdict = compare(facts(gone=("The data 'train' are gone: there is no /x.csv.",)), facts())
    assert str(verdict).endswith("Not compared: The data 'train' are gone: there is no /x.csv")


def test_nothing_to_compare_is_not_the_same():
    assert compare(RunFacts(), RunFacts()).kind == "differs"


def test_many_differences_are_counted_after_the_first_five():
    many = {f"m{n}": 1.0 for n in range(9)}
    verdict = compare(facts(metrics=many), facts(metrics=dict.fromkeys(many, 2.0)))
    assert str(verdict).endswith("metric m4 (1 vs 2) and 4 more")
    assert len(verdict.differences) == 9


def test_it_is_json():
    said = json.loads(json.dumps(compare(facts(), facts(metrics={})).to_dict()))
    assert said["kind"] == "differs" and said["text"].startswith("differs in: metric auc")
    assert said["differences"][0] == {"what": "metric auc", "detail": "the second has none"}


NUMBERS = st.floats(allow_nan=False, allow_infinity=False, width=32)


@given(st.lists(st.tuples(st.sampled_from(["auc=", " loss: ", "\n[", "x1 ", "é "]), NUMBERS)))
def test_a_text_is_the_same_as_itself_with_its_numbers_written_in_another_way(parts):
    first = "".join(f"{word}{number!r}," for word, number in parts)
    second = "".join(f"{word}{number:.17e}," for word, number in parts)
    assert same_but_for_numbers(first, second, 1e-9)


def test_digits_within_words_are_no_numbers():
    assert not same_but_for_numbers("x1", "x2", 1.0)
    assert not same_but_for_numbers("sha256:1a", "sha256:1b", 1.0)


def test_outputs_as_text_join_streams_and_take_pictures_by_digest():
    outputs = [
        {"output_type": "stream", "name": "stdout", "text": ["a", "b\n"]},
        {"output_type": "display_data", "data": {"image/png": "iVBO", "text/plain": "<Figure>"}},
        {"output_type": "stream", "name": "stdout", "text": "c"},
        {"output_type": "error", "ename": "ValueError", "evalue": "no"},
    ]
    text = output_text(outputs)
    assert text.startswith("stdout\nab\nc\nimage/png\nsha256:")
    assert text.endswith("<Figure>\nValueError: no")


def test_the_facts_of_a_run_are_what_the_hub_knows_of_it():
    run = RunStatus(
        "r1",
        RunSpec("/x/fit.ipynb", "n" * 64, parameters={"lr": 0.1}),
        "succeeded",
        metrics={"auc": 0.9},
        cells=(CellProgress(1, "Fit", source_sha256="s", outputs_sha256="o"),),
        record={"data": [{"name": "train", "sha256": "t"}], "git": {"commit": "c"}},
    )
    notebook = {"cells": [{}, {"outputs": [{"output_type": "stream", "name": "o", "text": "hi"}]}]}
    known = facts_of(run, notebook)
    assert known.cells == (CellFacts(1, "Fit", "s", "o", "o\nhi"),)
    assert known.inputs == {
        "notebook": "n" * 64, "commit": "c", "parameter lr": "0.1", "data train": "t",
    }  # fmt: skip
    assert compare(known, facts_of(run)).kind == "identical"
