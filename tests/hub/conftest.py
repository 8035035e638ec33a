"""A state directory with a real ledger, and versions with real folders of artifacts."""

import asyncio

import pytest

from mlops_jupyter import access
from mlops_jupyter.audit import AuditQuery, Ledger, open_engine, open_reader
from mlops_jupyter.hub.catalogue import Catalogue
from mlops_jupyter.hub.home import open_home
from mlops_jupyter.hub.state import State
from mlops_jupyter.types import Caller, ModelVersion, Principal, digest_folder

from ..notebooks import write_notebook

ADA = Caller(Principal("user:ada", "os-user"), "peer-credentials")


@pytest.fixture
def ada():
    return ADA


@pytest.fixture
def home(tmp_path):
    return open_home(tmp_path / "state")


class Books:
    """The ledger, its reader and the state over one database."""

    def __init__(self, home):
        self.engine = open_engine(home.database)
        self.ledger = Ledger.open(self.engine, home.keys)
        self.reader = open_reader(home.database)
        self.state = State(self.engine, self.reader, self.ledger)
        access.metadata.create_all(self.engine)
        self.query = AuditQuery(self.reader)

    def records(self, kind="control"):
        """Records of a kind, oldest first."""
        found = self.query.search(limit=1000).records
        return [record for record in reversed(found) if record["kind"] == kind]

    def close(self):
        self.ledger.close()
        self.reader.dispose()
        self.engine.dispose()


@pytest.fixture
def books(home):
    books = Books(home)
    yield books
    books.close()


@pytest.fixture
def catalogue(books, home):
    return Catalogue(books.state, home.models)


@pytest.fixture
def make_version(tmp_path):
    """A function that writes a folder of artifacts and describes it as a version."""

    def make(model="churn", version=1, content="weights", **fields):
        folder = tmp_path / "registry" / f"{model}-{version}"
        (folder / "data").mkdir(parents=True, exist_ok=True)
        (folder / "MLmodel").write_text("flavors: {}\n")
        (folder / "data" / "model.bin").write_text(f"{content} {version}")
        return ModelVersion(model, version, digest_folder(folder), str(folder), **fields)

    return make


@pytest.fixture
def notebook(tmp_path):
    """A function that writes a notebook into a folder of its own."""
    return lambda *cells, **options: write_notebook(tmp_path / "fit.ipynb", *cells, **options)


@pytest.fixture
def run():
    """Run a coroutine to its end."""
    return asyncio.run


@pytest.fixture(scope="module")
def daemon(tmp_path_factory):
    """A hub of its own process, started as a user's first verb starts it."""
    from mlops_jupyter.client.hub import Hub

    hub = Hub.connect(home=tmp_path_factory.mktemp("hub"))
    yield hub
    hub.stop()


@pytest.fixture(scope="module")
def publishing_hub(tmp_path_factory):
    """A hub that writes its runs to MLflow."""
    from mlops_jupyter.client.hub import Hub

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLOPS_JUPYTER_PUBLISH_RUNS", "1")
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        hub = Hub.connect(home=tmp_path_factory.mktemp("hub"))
        yield hub
        hub.stop()


@pytest.fixture(scope="module")
def http(daemon):
    """A client that proves nothing by itself: over TCP, without a token."""
    import httpx

    with httpx.Client(base_url=daemon.url, trust_env=False, timeout=60) as client:
        yield client


@pytest.fixture(scope="module")
def local(daemon):
    """Headers of the local user."""
    return {"Authorization": f"Bearer {(daemon.home / 'token').read_text().strip()}"}


@pytest.fixture(scope="module")
def billing(daemon):
    """Headers of an application that may call the endpoint ``other``."""
    return {"Authorization": f"Bearer {daemon.create_token('billing', ['other'], 600).token}"}
