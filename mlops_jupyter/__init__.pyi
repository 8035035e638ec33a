from typing import Any

from mlops_jupyter.notebook.pipelines import ensemble as ensemble
from mlops_jupyter.notebook.pipelines import field as field
from mlops_jupyter.notebook.pipelines import parallel as parallel
from mlops_jupyter.notebook.pipelines import pipeline as pipeline
from mlops_jupyter.notebook.pipelines import step as step
from mlops_jupyter.notebook.pipelines import switch as switch
from mlops_jupyter.notebook.run_facts import artifact as artifact
from mlops_jupyter.notebook.run_facts import data as data
from mlops_jupyter.notebook.run_facts import fact as fact
from mlops_jupyter.notebook.run_facts import metric as metric
from mlops_jupyter.notebook.training import cancel as cancel
from mlops_jupyter.notebook.training import compare as compare
from mlops_jupyter.notebook.training import rerun as rerun
from mlops_jupyter.notebook.training import run as run
from mlops_jupyter.notebook.training import runs as runs
from mlops_jupyter.notebook.training import schedule as schedule
from mlops_jupyter.notebook.training import schedules as schedules
from mlops_jupyter.notebook.training import sweep as sweep
from mlops_jupyter.notebook.training import train as train
from mlops_jupyter.notebook.verbs import audit as audit
from mlops_jupyter.notebook.verbs import deploy as deploy
from mlops_jupyter.notebook.verbs import endpoint as endpoint
from mlops_jupyter.notebook.verbs import endpoints as endpoints
from mlops_jupyter.notebook.verbs import models as models
from mlops_jupyter.notebook.verbs import predict as predict
from mlops_jupyter.notebook.verbs import promote as promote
from mlops_jupyter.notebook.verbs import register as register
from mlops_jupyter.notebook.verbs import rollback as rollback
from mlops_jupyter.notebook.verbs import scale as scale
from mlops_jupyter.notebook.verbs import status as status
from mlops_jupyter.notebook.verbs import traffic as traffic
from mlops_jupyter.notebook.verbs import undeploy as undeploy

__version__: str

def load_ipython_extension(shell: Any) -> None: ...
def unload_ipython_extension(shell: Any) -> None: ...
def _jupyter_server_extension_points() -> list[dict[str, object]]: ...
def _jupyter_labextension_paths() -> list[dict[str, str]]: ...
