"""The words of the product as small frozen dataclasses, and its errors.

Nothing here imports another room, a third-party package or Jupyter, so every room may import it.
"""

from mlops_jupyter.types.digest import digest_folder
from mlops_jupyter.types.endpoint import (
    DEPLOY_STATES,
    AuditPolicy,
    EndpointSpec,
    EndpointStatus,
    Limits,
    Replicas,
    Traffic,
)
from mlops_jupyter.types.errors import (
    AuditUnavailable,
    Conflict,
    DeadlineExceeded,
    Forbidden,
    InvalidInput,
    InvalidRequest,
    MlopsError,
    ModelError,
    NotFound,
    Overloaded,
    StepFailed,
    TooLarge,
    Unauthenticated,
    Unavailable,
    WorkerDied,
    error_from_dict,
)
from mlops_jupyter.types.identity import Caller, Principal
from mlops_jupyter.types.names import NAME_PATTERN, ModelRef, check_name, did_you_mean
from mlops_jupyter.types.run import (
    END_STATES,
    CellError,
    CellProgress,
    Resources,
    RunSpec,
    RunState,
    RunStatus,
    Trigger,
)
from mlops_jupyter.types.scaling import ScalingPolicy
from mlops_jupyter.types.schedule import ScheduleSpec, ScheduleStatus
from mlops_jupyter.types.sweep import SweepSpec, SweepStatus
from mlops_jupyter.types.version import Environment, Lineage, ModelVersion

__all__ = [
    "DEPLOY_STATES",
    "END_STATES",
    "NAME_PATTERN",
    "AuditPolicy",
    "AuditUnavailable",
    "Caller",
    "CellError",
    "CellProgress",
    "Conflict",
    "DeadlineExceeded",
    "EndpointSpec",
    "EndpointStatus",
    "Environment",
    "Forbidden",
    "InvalidInput",
    "InvalidRequest",
    "Limits",
    "Lineage",
    "MlopsError",
    "ModelError",
    "ModelRef",
    "ModelVersion",
    "NotFound",
    "Overloaded",
    "Principal",
    "Replicas",
    "Resources",
    "RunSpec",
    "RunState",
    "RunStatus",
    "ScalingPolicy",
    "ScheduleSpec",
    "ScheduleStatus",
    "StepFailed",
    "SweepSpec",
    "SweepStatus",
    "TooLarge",
    "Traffic",
    "Trigger",
    "Unauthenticated",
    "Unavailable",
    "WorkerDied",
    "check_name",
    "did_you_mean",
    "digest_folder",
    "error_from_dict",
]
