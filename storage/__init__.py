"""What is kept: tables, projects, events, the outbox, sealed secrets. Synchronous; callers bring the transaction."""

from chainbell.storage.database import Database, DatabaseUrlError
from chainbell.storage.outbox import Claim, NewDelivery, Settlement
from chainbell.storage.projects import AmbiguousProjectError, StoredProject, VersionConflictError
from chainbell.storage.secrets import KeyRing, KeyRingError, generate_key, key_file_beside
from chainbell.storage.tables import METADATA
from chainbell.storage.webhooks import Webhook

__all__ = [
    "METADATA",
    "AmbiguousProjectError",
    "Claim",
    "Database",
    "DatabaseUrlError",
    "KeyRing",
    "KeyRingError",
    "NewDelivery",
    "Settlement",
    "StoredProject",
    "VersionConflictError",
    "Webhook",
    "generate_key",
    "key_file_beside",
]
