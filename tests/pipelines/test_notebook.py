"""Pipelines from a cell of a real kernel, and from a terminal."""

from __future__ import annotations

import re

import pytest

from ..notebook.conftest import running_kernel
from .kit import Kit


@pytest.fixture(scope="module")
def kernel(kit: Kit):
    with running_kernel() as running:
        running.text("%load_ext mlops_jupyter\nimport mlops_jupyter as mj\nimport pandas as pd")
        yield running


CELL = """%%pipeline clips
langid
switch lang != "en":
    translate
count
shout
return lang, n, loud
"""


def test_a_cell_registers_deploys_and_draws_a_pipeline(kernel):
    outputs = kernel.run(CELL)
    assert not [one for one in outputs if one["type"] == "error"]
    shown = outputs[-1]["data"]
    assert "pipeline clips  ready" in shown["text/plain"]
    assert "text: string -> lang: string, n: long, loud: string" in shown["text/plain"]
    assert shown["text/html"].count("<rect") == 7  # four steps, a switch, both ends
    answer = kernel.text('mj.predict("clips", pd.DataFrame({"text": ["hola", "x"]}))')
    assert re.search(r"es\s+5\s+HELLO", answer)


def test_the_same_cell_again_makes_no_new_version(kernel):
    assert "clips/1 has this graph already" in kernel.text(CELL)
    assert kernel.text('mj.endpoint("clips").status.spec.traffic.main') == "1"


def test_a_changed_cell_is_the_next_version_and_can_be_rolled_back(kernel):
    kernel.run(CELL.replace("lang, n, loud", "loud"))
    assert kernel.text('mj.endpoint("clips").status.spec.traffic.main') == "2"
    kernel.text("%rollback clips")
    assert kernel.text('mj.endpoint("clips").status.spec.traffic.main') == "1"


def test_python_joins_endpoints(kernel):
    kernel.text(
        'langid, translate = mj.endpoint("langid"), mj.endpoint("translate")\n'
        'lang = mj.field("lang")\n'
        'made = langid >> mj.switch(lang != "en", translate) >> mj.step("count", name="words")\n'
        'p = mj.pipeline("counted", made, returns=["n"])'
    )
    assert "langid" in kernel.text("made")
    assert kernel.text('p.predict(pd.DataFrame({"text": ["hola"]}))["n"].tolist()') == "[5]"
    drawn = kernel.text("p.draw()")
    assert re.search(r"langid +\S+/s +p50 [\d.e-]+ ms", drawn)


def test_a_dry_run_changes_nothing(kernel):
    text = kernel.text("%%pipeline never --dry-run\nlangid")
    assert "It can run; nothing was registered." in text
    outputs = kernel.run("%pipeline never")
    assert outputs[0]["ename"] == "NotFound"


def test_a_cell_that_cannot_run_says_where_and_how_to_mend_it(kernel):
    (output,) = kernel.run("%%pipeline wrong\nlangid\ndouble(x=lang)")
    assert output["ename"] == "PipelineMisfit" or output["ename"] == "InvalidInput"
    assert "'lang' is string, and the input 'x' takes double" in output["evalue"]
    (output,) = kernel.run("%%pipeline wrong\nlangid\ncount timeout=5")
    assert "Line 2, column 15" in output["evalue"]


def test_a_line_shows_the_pipeline_that_is_deployed(kernel):
    assert "pipeline clips  ready" in kernel.text("%pipeline clips")


def test_the_audit_of_a_call_shows_its_steps_as_a_tree(kernel):
    kernel.text('mj.predict("clips", pd.DataFrame({"text": ["hola"]}))')
    kernel.text('found = mj.audit("clips", kind="prediction")[0].id')
    for asked in ("mj.audit(found)", "mj.audit.show(found)"):
        shown = kernel.text(asked)
        lines = [line for line in shown.splitlines() if re.match(r"\s*[├└] ", line)]
        assert [line.split()[1] for line in lines] == ["langid", "translate", "count", "shout"]
    key = kernel.text("print(found)").strip()
    assert "├ langid" in kernel.text(f"%audit {key}")
    step = kernel.text("print(mj.audit(found).steps[0].inner[0].record['id'])").strip()
    assert "└ shout" in kernel.text(f"%audit {step}")


def test_the_registered_graph_says_in_plain_mlflow_where_it_is_answered(kernel):
    outputs = kernel.run(
        "import mlflow\nfrom mlops_jupyter import registry\n"
        'mlflow.pyfunc.load_model(registry.resolve("clips").path).predict({"text": ["x"]})'
    )
    assert "answered by the hub" in outputs[-1]["evalue"]


def test_a_terminal_checks_deploys_and_shows_a_pipeline(kit, tmp_path, capsys):
    from mlops_jupyter.cli import main

    file = tmp_path / "words.pipeline"
    file.write_text("count -> n\n")
    assert main(["pipeline", "check", str(file)]) == 0
    assert "text: string -> n: long" in capsys.readouterr().out
    assert main(["pipeline", "deploy", "words", str(file)]) == 0
    assert "words/1 is deployed." in capsys.readouterr().out
    assert kit.ask("words", text=["four"]) == [{"n": 4}]
    assert main(["pipeline", "show", "words"]) == 0
    shown = capsys.readouterr().out
    assert "count -> n" in shown
    assert re.search(r"count +count +1 ", shown)
    file.write_text("cuont\n")
    assert main(["pipeline", "check", str(file)]) == 1
    assert "Did you mean 'count'" in capsys.readouterr().err
