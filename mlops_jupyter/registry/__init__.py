"""The model registry, through MLflow; start reading at ``registry.py``."""

from mlops_jupyter.registry.data_digest import DataDigest, digest_data
from mlops_jupyter.registry.examples import ModelAdvice
from mlops_jupyter.registry.registry import (
    RegisteredModel,
    alias_version,
    models,
    register,
    resolve,
    set_alias,
    versions,
)
from mlops_jupyter.registry.store import tracking_uri
from mlops_jupyter.registry.worker import register_worker

__all__ = [
    "DataDigest",
    "ModelAdvice",
    "RegisteredModel",
    "alias_version",
    "digest_data",
    "models",
    "register",
    "register_worker",
    "resolve",
    "set_alias",
    "tracking_uri",
    "versions",
]
