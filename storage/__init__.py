"""What is kept: tables, projects, events, the outbox, sealed secrets. Synchronous; callers bring the transaction."""

from chainbell.storage.audit import LIBRARY, Act, Actor, AuditLine
from chainbell.storage.database import Database
from chainbell.storage.errors import ConflictError, StorageError, UnknownOutcomeError, is_passing
from chainbell.storage.metadata import METADATA
from chainbell.storage.outbox import Attempt, Claim, DeliveryState, NewDelivery, Settlement
from chainbell.storage.projects import AmbiguousProjectError, Located, StoredProject
from chainbell.storage.saving import VersionConflictError
from chainbell.storage.secrets import KeyRing, KeyRingError, generate_key, key_file_beside
from chainbell.storage.urls import DatabaseUrlError
from chainbell.storage.webhooks import Webhook

__all__ = [
    "LIBRARY",
    "METADATA",
    "Act",
    "Actor",
    "AmbiguousProjectError",
    "Attempt",
    "AuditLine",
    "Claim",
    "ConflictError",
    "Database",
    "DatabaseUrlError",
    "DeliveryState",
    "KeyRing",
    "KeyRingError",
    "Located",
    "NewDelivery",
    "Settlement",
    "StorageError",
    "StoredProject",
    "UnknownOutcomeError",
    "VersionConflictError",
    "Webhook",
    "generate_key",
    "is_passing",
    "key_file_beside",
]
