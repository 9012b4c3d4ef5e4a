"""Who is at the other end of a host call: one execution of one plugin, with what it was granted."""

import time
import uuid
from dataclasses import dataclass, field

from accounts.problems import Forbidden


class OperationNotGranted(Forbidden):
    code = "operation-not-granted"
    title = "The plugin was not granted this operation"


@dataclass(frozen=True)
class AuditEntry:
    """What the audit log keeps of a host call: no body and no secret. Unknown addresses have no operation."""

    operation: str
    subject: str
    status: int
    duration_ms: float
    at: float


@dataclass(frozen=True)
class Caller:
    """Everything here was established by the host; nothing comes from the guest."""

    execution_id: uuid.UUID
    plugin: str
    granted: frozenset[str]
    user_agent: str = ""
    ip_address: str | None = None
    audit: list[AuditEntry] = field(default_factory=list)

    def require(self, operation: str) -> None:
        """Raises OperationNotGranted, which names the operation for the guest and its author."""
        if operation not in self.granted:
            raise OperationNotGranted(
                f"The plugin “{self.plugin}” needs the operation {operation}. An administrator can grant it.",
                operation=operation,
            )

    def record(self, operation: str, subject: str, status: int, started: float) -> None:
        """Adds to the audit log of the execution. `started` is a time.perf_counter()."""
        duration_ms = (time.perf_counter() - started) * 1000
        self.audit.append(AuditEntry(operation, subject, status, duration_ms, time.time()))
