"""Who makes a host call, and what they may do."""

import time
import uuid
from dataclasses import dataclass

from accounts.models import User
from core.problems import Forbidden
from plugins.egress.url_rules import Rule
from plugins.history.journal import get_journal
from plugins.history.records import HostCallRecord


class OperationNotGranted(Forbidden):
    code = "operation-not-granted"
    title = "Operation not granted"


@dataclass(frozen=True)
class Caller:
    """An execution of a plugin, or a program with an API token. Nothing in here comes from the guest.

    `own_data_of` is set for a run in this user's browser. The user controls such a run, so it may only act on
    their own data. `withheld` holds the plugin's other grants, which count on the server only.
    `network` holds the granted outside addresses.
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
        """Raises OperationNotGranted, which names the operation."""
        if operation in self.granted:
            return
        if self.api_token_id:
            raise OperationNotGranted(f"This token lacks the scope {operation}.", operation=operation)
        if operation in self.withheld:
            raise OperationNotGranted(
                f"The plugin “{self.plugin}” cannot use {operation} in a browser.", operation=operation
            )
        raise OperationNotGranted(
            f"The plugin “{self.plugin}” has not been granted {operation}. An administrator can grant it.",
            operation=operation,
        )

    def record(self, operation: str, subject: str, status: int, started: float) -> None:
        """Adds an entry to the audit log. `started` is a time.perf_counter().

        `operation` is empty for an address that no operation has.
        """
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
