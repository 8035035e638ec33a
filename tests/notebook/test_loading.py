"""``%load_ext mlops_jupyter``: quick, light, repeatable, and gone after unloading."""

import json
import subprocess
import sys

import pytest
from IPython.core.interactiveshell import InteractiveShell

import mlops_jupyter
from mlops_jupyter.notebook.grammar import VERBS

HEAVY = ("mlflow", "pandas", "papermill", "kubernetes", "numpy", "httpx", "sklearn", "sqlalchemy")


@pytest.fixture
def shell():
    made = InteractiveShell()
    yield made
    made.run_line_magic("unload_ext", "mlops_jupyter")


def line_magics(shell):
    return shell.magics_manager.magics["line"]


def in_fresh_python(code):
    answer = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    return json.loads(answer.stdout.splitlines()[-1])


def test_loading_takes_under_a_fifth_of_a_second_and_imports_nothing_heavy():
    loaded = """
import json, sys, time
from IPython.core.interactiveshell import InteractiveShell
shell = InteractiveShell()
begun = time.perf_counter()
shell.run_line_magic("load_ext", "mlops_jupyter")
seconds = time.perf_counter() - begun
print(json.dumps([seconds, sorted(sys.modules)]))
"""
    seconds, modules = min((in_fresh_python(loaded) for _ in range(3)), key=lambda run: run[0])
    assert seconds < 0.2
    assert not set(HEAVY) & set(modules)


def test_importing_the_package_takes_under_20_ms_and_imports_no_room():
    imported = """
import json, sys, time
begun = time.perf_counter()
import mlops_jupyter
seconds = time.perf_counter() - begun
print(json.dumps([seconds, [m for m in sys.modules if m.startswith("mlops_jupyter.")]]))
"""
    seconds, rooms = min((in_fresh_python(imported) for _ in range(3)), key=lambda run: run[0])
    assert seconds < 0.02
    assert rooms == []


def test_every_magic_is_there_after_loading_and_gone_after_unloading(shell):
    before = set(line_magics(shell))
    shell.run_line_magic("load_ext", "mlops_jupyter")
    assert set(VERBS) <= set(line_magics(shell))
    shell.run_line_magic("unload_ext", "mlops_jupyter")
    assert set(line_magics(shell)) == before
    assert shell.Completer.custom_matchers == []


def test_loading_twice_changes_nothing(shell):
    mlops_jupyter.load_ipython_extension(shell)
    first = line_magics(shell)["deploy"]
    mlops_jupyter.load_ipython_extension(shell)
    assert line_magics(shell)["deploy"] is first
    assert len(shell.Completer.custom_matchers) == 1


def test_reloading_works(shell, capsys):
    shell.run_line_magic("load_ext", "mlops_jupyter")
    shell.run_line_magic("reload_ext", "mlops_jupyter")
    assert len(shell.Completer.custom_matchers) == 1
    shell.run_line_magic("mlops", "help")
    assert "%deploy" in capsys.readouterr().out


def test_unloading_what_was_not_loaded_is_no_error(shell):
    mlops_jupyter.unload_ipython_extension(shell)


def test_a_magic_of_another_extension_comes_back_after_unloading(shell):
    def predict(line):
        return "theirs"

    shell.register_magic_function(predict, "line", "predict")
    mlops_jupyter.load_ipython_extension(shell)
    mlops_jupyter.unload_ipython_extension(shell)
    assert shell.run_line_magic("predict", "") == "theirs"


def test_a_magic_that_another_extension_took_since_stays_theirs(shell):
    def predict(line):
        return "theirs"

    mlops_jupyter.load_ipython_extension(shell)
    shell.register_magic_function(predict, "line", "predict")
    mlops_jupyter.unload_ipython_extension(shell)
    assert shell.run_line_magic("predict", "") == "theirs"


@pytest.mark.parametrize("name", [verb for verb in VERBS if verb != "mlops"])
def test_every_magic_has_a_function_of_its_name(name):
    assert callable(getattr(mlops_jupyter, name))
    assert name in dir(mlops_jupyter)


def test_audit_is_the_verb_even_after_the_room_of_that_name_was_imported():
    same = in_fresh_python("""
import json, sys, mlops_jupyter
import mlops_jupyter.audit.note as by_name
from mlops_jupyter.audit.note import __name__ as from_name
from mlops_jupyter import audit
print(json.dumps([callable(mlops_jupyter.audit), callable(audit), by_name.__name__, from_name,
                  mlops_jupyter.audit.note.__name__]))
""")
    assert same == [True, True, *["mlops_jupyter.audit.note"] * 3]


def test_an_unknown_name_is_an_ordinary_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        mlops_jupyter.nonsense  # noqa: B018
