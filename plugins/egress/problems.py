"""What can go wrong with a request to an outside address.

Forbidden
├── NetworkNotGranted            403  no granted rule covers this address and method
└── EgressRefused                403  the address is not public, or belongs to this server
Problem
├── EgressUnreachable            502  no connection, an untrusted certificate, or not HTTP
│   └── EgressTooManyRedirects   502
├── EgressTooLarge               502  over EGRESS_MAX_RESPONSE_BYTES, or too many headers
└── EgressTimeout                504  no complete response in time
"""

from core.problems import Forbidden, Problem

MAX_REDIRECTS = 5


class NetworkNotGranted(Forbidden):
    code = "network-not-granted"
    title = "Network access not granted"
    default_detail = (
        "No network rule of the plugin covers this address and method, or an administrator has not granted "
        "that rule."
    )


class EgressRefused(Forbidden):
    code = "egress-refused"
    title = "Destination not allowed"


class EgressUnreachable(Problem):
    status = 502
    code = "egress-unreachable"
    title = "Destination unreachable"


class EgressTooManyRedirects(EgressUnreachable):
    code = "egress-too-many-redirects"
    title = "Too many redirects"
    default_detail = f"At most {MAX_REDIRECTS} redirects are followed."


class EgressTooLarge(Problem):
    status = 502
    code = "egress-too-large"
    title = "Response too large"


class EgressTimeout(Problem):
    status = 504
    code = "egress-timeout"
    title = "Destination timed out"
