"""Who is at the other end of a host call, and what that may do."""

import time
import uuid
from dataclasses import dataclass

from accounts.models import User
from core.problems import Forbidden
from plugins.egress.addresses import Rule
from plugins.history.journal import get_journal
from plugins.history.records import HostCallRecord


class OperationNotGranted(Forbidden):
    code = "operation-not-granted"
    title = "This operation was not granted"


@dataclass(frozen=True)
class Caller:
    """An execution of a plugin, or a program with an API token. Nothing in here comes from the guest.

    `own_data_of`: the run is in this user's browser, and so in the user's hands: it may do only what concerns
    their own data. `withheld`: what the plugin was granted all the same, for its runs on the server.
    `network`: the outside addresses that were granted.
    """

    granted: frozenset[str]
    plugin: str = ""
    execution_id: uuid.UUID | None = None
    api_token_id: uuid.UUID | None = None
    own_data_of: User | None = None
    network: tuple[Rule, ...] = ()
    withheld: frozenset[str] = frozenset()
    user_agent: str = ""
    ip_address: str | None = None

    def require(self, operation: str) -> None:
        """Raises OperationNotGranted, which names the operation for the guest and its author."""
        if operation in self.granted:
            return
        if self.api_token_id:
            raise OperationNotGranted(f"This token lacks the scope {operation}.", operation=operation)
        if operation in self.withheld:
            raise OperationNotGranted(
                f"In a browser the plugin “{self.plugin}” may not use {operation}.", operation=operation
            )
        raise OperationNotGranted(
            f"The plugin “{self.plugin}” needs the operation {operation}. An administrator can grant it.",
            operation=operation,
        )

    def record(self, operation: str, subject: str, status: int, started: float) -> None:
        """Adds to the audit log. `started` is a time.perf_counter(). Unknown addresses have no operation."""
        get_journal().add_host_call(
            HostCallRecord(
                execution_id=self.execution_id,
                api_token_id=self.api_token_id,
                operation=operation,
                subject=subject,
                status=status,
                duration_ms=(time.perf_counter() - started) * 1000,
                at=time.time(),
            )
        )
