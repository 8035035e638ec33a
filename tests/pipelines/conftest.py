"""A hub with endpoints that pipelines are made of."""

from __future__ import annotations

import pytest

from mlops_jupyter.client import Hub

from . import kit as models
from .kit import Kit


@pytest.fixture(scope="module")
def kit(hub: Hub, tmp_path_factory: pytest.TempPathFactory) -> Kit:
    kit = Kit(hub, tmp_path_factory.mktemp("models"))
    kit.serve("langid", models.language, "text: string -> lang: string")
    kit.serve("translate", models.translated, "text: string -> text: string")
    kit.serve("count", models.length, "text: string -> n: long")
    kit.serve("shout", models.loud, "text: string -> loud: string")
    kit.serve("double", models.doubled, "x: double -> y: double")
    kit.serve("triple", models.tripled, "x: double -> y: double")
    kit.serve("moody", models.moody, "text: string -> mood: string")
    return kit
