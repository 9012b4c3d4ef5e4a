"""Health, readiness and metrics."""

from django.conf import settings
from django.db import connection
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.utils.crypto import constant_time_compare
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from core.problems import NotAuthenticated, response_for
from plugins.history.journal import get_journal
from plugins.runtime.service import get_pool


@require_safe
@never_cache
def healthz(request: HttpRequest) -> HttpResponse:
    """The process answers; it says nothing of what it depends on."""
    return JsonResponse({"status": "ok"})


@require_safe
@never_cache
def readyz(request: HttpRequest) -> HttpResponse:
    """Whether calls can be answered: the database is there and takes records, and workers start; how they
    are confined.
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
    """Figures for Prometheus, for whoever has METRICS_TOKEN. Where none is set there is no such address."""
    if not settings.METRICS_TOKEN:
        raise Http404
    if not constant_time_compare(
        request.headers.get("Authorization", ""), f"Bearer {settings.METRICS_TOKEN}"
    ):
        return response_for(NotAuthenticated("Send METRICS_TOKEN in the header Authorization: Bearer …"))
    from plugins.api.metrics import CONTENT_TYPE, get_metrics  # noqa: PLC0415 - it loads a library that few servers need

    return HttpResponse(get_metrics().text(), CONTENT_TYPE)
