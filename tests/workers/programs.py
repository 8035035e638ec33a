"""Worker folders in every language whose model multiplies `x`, and folders that misbehave."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from mlops_jupyter.workers.scaffold import init_worker

SIGNATURE = "x: double -> y: double"

_CPP = r"""
#include <iostream>
#include <string>
int main() {
  std::cout << "{\"ready\":true}" << std::endl;
  for (std::string line; std::getline(std::cin, line);) {
    auto from = [&](const std::string& mark) { return line.find(mark) + mark.size(); };
    size_t id = from("\"id\":"), x = from("\"x\":[");
    std::string numbers = line.substr(x, line.find(']', x) - x), answer;
    for (size_t at = 0; at < numbers.size();) {
      size_t length = 0;
      answer += (at ? "," : "") + std::to_string(FACTOR * std::stod(numbers.substr(at), &length));
      at += length + 1;
    }
    std::cout << "{\"id\":" << line.substr(id, line.find(',', id) - id)
              << ",\"outputs\":{\"y\":[" << answer << "]}}" << std::endl;
  }
}
"""


def need(program: str, package: str) -> None:
    """Skip the test where a program is absent, naming the package that brings it."""
    if shutil.which(program) is None:
        pytest.skip(f"{program} is not installed: apt-get install {package}")


def need_r() -> None:
    need("Rscript", "r-base-core")
    asked = ["Rscript", "-e", "library(jsonlite)"]
    if subprocess.run(asked, capture_output=True, check=False).returncode:
        pytest.skip("R's jsonlite is not installed: apt-get install r-cran-jsonlite")


def _signature(folder: Path) -> None:
    """Replace what the scaffold says of its example by x and y."""
    path = folder / "worker.toml"
    lines = path.read_text().splitlines()
    kept = [line for line in lines if not line.startswith(("signature", "text =", "[example]"))]
    path.write_text(f'signature = "{SIGNATURE}"\n' + "\n".join(kept) + "\n")


def node(folder: Path, factor: int) -> None:
    need("node", "nodejs")
    init_worker("node", folder)
    (folder / "model.js").write_text(
        f"module.exports = (inputs) => ({{ y: inputs.x.map((x) => {factor} * x) }});\n"
    )
    _signature(folder)


def r(folder: Path, factor: int) -> None:
    need_r()
    init_worker("r", folder)
    (folder / "model.R").write_text(
        f"predict_rows <- function(inputs) list(y = {factor} * inputs$x)\n"
    )


def java(folder: Path, factor: int) -> None:
    need("javac", "openjdk-17-jdk-headless")
    init_worker("java", folder)
    (folder / "Rule.java").write_text(
        "import java.util.List; import java.util.Map;\n"
        "public final class Rule implements Worker.Model {\n"
        "  public Map<String, ? extends List<?>> predict(Map<String, List<Object>> inputs) {\n"
        '    return Map.of("y", inputs.get("x").stream()\n'
        f"        .map(x -> {factor} * ((Number) x).doubleValue()).toList());\n"
        "  }\n}\n"
    )
    _signature(folder)
    sources = [path.name for path in folder.glob("*.java")]
    subprocess.run(["javac", *sources], cwd=folder, check=True)


def cpp(folder: Path, factor: int) -> None:
    need("g++", "g++")
    folder.mkdir()
    (folder / "model.cpp").write_text(_CPP)
    build = ["g++", "-O1", f"-DFACTOR={factor}", "-o", "model", "model.cpp"]
    subprocess.run(build, cwd=folder, check=True)
    (folder / "worker.toml").write_text(
        f'language = "c++"\ncommand = ["./model"]\nsignature = "{SIGNATURE}"\n'
    )


def binary(folder: Path, factor: int) -> None:
    need("awk", "mawk")
    init_worker("binary", folder)
    words = ["python3", "each.py", "--stdin", "x", "--json", "y", "--", "awk"]
    words.append(f"{{ print {factor} * $1 }}")
    (folder / "worker.toml").write_text(
        f'language = "awk"\ncommand = {words}\nsignature = "{SIGNATURE}"\n'
    )


def http(folder: Path, factor: int) -> None:
    need("node", "nodejs")
    init_worker("http", folder)
    server = folder / "server.js"
    server.write_text(server.read_text().replace("2 * value", f"{factor} * value"))


KINDS: dict[str, Callable[[Path, int], None]] = {
    "r": r,
    "java": java,
    "node": node,
    "c++": cpp,
    "binary": binary,
    "http": http,
}
