"""Statuses, versions and records as a hub gives them, for tests of how they look."""

from mlops_jupyter.types import (
    EndpointSpec,
    EndpointStatus,
    Environment,
    Lineage,
    ModelVersion,
    Replicas,
    ScalingPolicy,
    Traffic,
)

XSS = "<script>alert(1)</script><img src=x onerror=alert(2)>\"'"


def status(state="ready", reason="", replicas=None, **spec):
    wanted = {
        "name": "churn",
        "model": "churn",
        "traffic": Traffic({3: 90, 4: 10}, (5,)),
        "scaling": ScalingPolicy.parse("elastic:1-4"),
        "revision": 7,
        **spec,
    }
    if replicas is None:
        replicas = (
            Replicas(3, 2, 2, 0),
            Replicas(4, 1, 0, 1, "Version 4: it is loading."),
            Replicas(5, 1, 1, 0),
        )
    return EndpointStatus(
        EndpointSpec(**wanted),
        state,
        reason,
        replicas,
        url="http://127.0.0.1:8700/endpoints/churn/invocations",
        requests_per_second=12.34,
        p50_ms=1.234,
        p99_ms=9.876,
    )


def version(**facts):
    known = {
        "model": "churn",
        "version": 3,
        "digest": "ab" * 32,
        "path": "/tmp/churn",
        "signature": {"inputs": '[{"type": "double", "name": "tenure", "required": true}]'},
        "aliases": ("champion",),
        "lineage": Lineage(
            user="ada", notebook="fit.ipynb", git_commit="c0ffee" * 7, git_dirty=True
        ),
        "environment": Environment("kernel", "/usr/bin/python3", "cd" * 32),
        "created_at": 1_790_000_000.0,
        **facts,
    }
    return ModelVersion(**known)


def record(index=41, **fields):
    return {
        "index": index,
        "v": 1,
        "id": f"0193-{index}",
        "kind": "prediction",
        "t_wall_us": 1_790_000_000_123_456,
        "actor": {"sub": "user:alice", "kind": "os-user", "method": "peer-credentials"},
        "endpoint": "churn",
        "model": {"name": "churn", "version": 3, "digest": "ab" * 32},
        "status": 200,
        "latency_us": 1234,
        "rows": 2,
        "input": {"commit": "11" * 32, "bytes": 2048, "type": "application/json", "ref": "p/1"},
        "output": {"commit": "22" * 32, "bytes": 90, "type": "application/json", "ref": "p/2"},
        **fields,
    }
