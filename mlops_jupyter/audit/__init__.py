"""The audit room: a ledger of records that can be searched and proved. Start in ``ledger.py``."""

from mlops_jupyter.audit.batch import Entry
from mlops_jupyter.audit.engine import open_engine, open_reader
from mlops_jupyter.audit.export import export, export_parquet
from mlops_jupyter.audit.filters import Filters
from mlops_jupyter.audit.ledger import Ledger
from mlops_jupyter.audit.note import Checkpoint, InvalidNote, Verifier
from mlops_jupyter.audit.payloads import Payload
from mlops_jupyter.audit.query import AuditQuery, Page, StoredPayload
from mlops_jupyter.audit.receipt import Receipt
from mlops_jupyter.audit.record import InvalidRecord
from mlops_jupyter.audit.replay import Problem
from mlops_jupyter.audit.verify import Report, verify
from mlops_jupyter.audit.writer import Range

__all__ = [
    "AuditQuery",
    "Checkpoint",
    "Entry",
    "Filters",
    "InvalidNote",
    "InvalidRecord",
    "Ledger",
    "Page",
    "Payload",
    "Problem",
    "Range",
    "Receipt",
    "Report",
    "StoredPayload",
    "Verifier",
    "export",
    "export_parquet",
    "open_engine",
    "open_reader",
    "verify",
]
