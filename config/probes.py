"""Health, readiness and metrics endpoints."""

from django.conf import settings
from django.db import connection
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.utils.crypto import constant_time_compare
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from core.problems import NotAuthenticated, response_for
from plugins.history.journal import get_journal
from plugins.runtime.current_engine import get_pool


@require_safe
@never_cache
def healthz(request: HttpRequest) -> HttpResponse:
    """Liveness: the process responds. Checks no dependency."""
    return JsonResponse({"status": "ok"})


@require_safe
@never_cache
def readyz(request: HttpRequest) -> HttpResponse:
    """Readiness: the database is reachable, records can be written, and workers start.

    `sandbox` says how the workers are confined.
    """
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except Exception:
        return JsonResponse({"status": "unavailable", "database": "unreachable"}, status=503)
    if get_journal().is_full():
        return JsonResponse({"status": "unavailable", "database": "takes no records"}, status=503)
    sandbox = get_pool().layers()
    if not sandbox:
        return JsonResponse({"status": "unavailable", "database": "ok", "sandbox": {}}, status=503)
    return JsonResponse({"status": "ok", "database": "ok", "sandbox": sandbox})


@require_safe
@never_cache
def metrics(request: HttpRequest) -> HttpResponse:
    """Metrics for Prometheus. Requires METRICS_TOKEN; 404 if none is set."""
    if not settings.METRICS_TOKEN:
        raise Http404
    if not constant_time_compare(
        request.headers.get("Authorization", ""), f"Bearer {settings.METRICS_TOKEN}"
    ):
        return response_for(NotAuthenticated("Send METRICS_TOKEN in the Authorization header: Bearer …"))
    from plugins.api.metrics import CONTENT_TYPE, get_metrics  # noqa: PLC0415 - loads a library that few servers need

    return HttpResponse(get_metrics().text(), CONTENT_TYPE)
