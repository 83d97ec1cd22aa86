"""One attempt: through the SDK, or by running the team's own function."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..errors import InputError
from ..registry.model import Tier
from .calls import Call
from .capture import Attempt, Capture, NotSent
from .client import create_message, key_variable, live_client, unknown_argument
from .credentials import CredentialScan
from .faults import Fault, FaultKind, fault_of, malformed

if TYPE_CHECKING:
    import anthropic

__all__ = ["Caller"]


class Caller:
    """Makes attempts, in any thread; `timeout` is in seconds, `scan` what nothing may be sent or kept against."""

    def __init__(self, capture: Capture, scan: CredentialScan, timeout: float) -> None:
        self._capture = capture
        self._scan = scan
        self._timeout = timeout
        self._clients: dict[str, anthropic.Anthropic] = {}

    def prepare(self, call: Call, tier: Tier) -> None:
        """Raises InputError where the tier's key is not set, or an argument is none of the SDK's."""
        if call.own is not None:
            return
        if tier.name not in self._clients:
            self._clients[tier.name] = live_client(tier, self._timeout)
        name = unknown_argument(self._clients[tier.name], call.arguments)
        if name:
            what = f"task '{call.task}': messages.create takes no argument '{name}'"
            raise InputError(what, fix="put what only the wire knows under extra_body")

    def close(self) -> None:
        for client in self._clients.values():
            client.close()

    def make(self, attempt: Attempt, tier: Tier) -> Fault | None:
        """Make it, whose turn it is, and say why it gave nothing that can be kept."""
        call = attempt.call
        secret = self._scan.find_in(dict(call.arguments))
        if secret is not None:
            place, kind = secret
            return Fault(FaultKind.LOCAL, f"not sent: its request holds {kind} ({place})")
        fault = None
        try:
            if call.own is not None:
                call.own.run()
            else:
                fault = malformed(create_message(self._clients[tier.name], tier.model, call.arguments))
        except NotSent:
            fault = attempt.fault()
        except BaseException as error:  # a function of the team's may also call sys.exit()
            fault = fault_of(error, None if call.own is not None else key_variable(tier))
        if self._capture.unsure(attempt):
            fault = Fault(FaultKind.AGAIN, "its function calls in a way that can be followed in one run at a time only")
        return fault or attempt.fault() or self._secret(attempt)

    def _secret(self, attempt: Attempt) -> Fault | None:
        for interaction in attempt.interactions():
            wire = interaction.to_wire()
            del wire["request"]["body"]  # it was looked at before it was sent
            secret = self._scan.find_in(wire)
            if secret is not None:
                place, kind = secret
                return Fault(FaultKind.LOCAL, f"not kept: it holds {kind} ({place})")
        return None
