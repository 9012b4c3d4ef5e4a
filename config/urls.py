"""Every address of the server."""

import re
from pathlib import Path

from csp.decorators import csp_update
from django.conf import settings
from django.contrib import admin
from django.db import connection
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.urls import include, path, re_path
from django.utils.crypto import constant_time_compare
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt, ensure_csrf_cookie
from django.views.decorators.http import require_safe
from drf_spectacular.views import SpectacularSwaggerSplitView

from accounts.problems import CSRFFailed, InternalError, NotAuthenticated, NotFound, Problem, response_for
from plugins import journal
from plugins.host.cors import no_operation
from plugins.openapi import HostSchemaView, PublicSchemaView
from plugins.runtime.service import get_pool

API_ADDRESS = re.compile(r"/(api|host)(/|$)")


@require_safe
@never_cache
@ensure_csrf_cookie
def app(request: HttpRequest) -> HttpResponse:
    """The single-page app, for every address that is not the server's own."""
    page = Path(settings.FRONTEND_DIST) / "index.html"
    try:
        return HttpResponse(page.read_bytes())
    except FileNotFoundError:
        return HttpResponse("The front end is not built yet. Run: make frontend\n", "text/plain", status=503)


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
    if journal.is_full():
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
    from plugins import metrics  # noqa: PLC0415 - it loads a library that few servers need

    return HttpResponse(metrics.text(), metrics.CONTENT_TYPE)


def plain_error(request: HttpRequest, problem: Problem) -> HttpResponse:
    if API_ADDRESS.match(request.path):
        return response_for(problem)
    return HttpResponse(
        f"{problem.title}. {problem.detail}\n", "text/plain; charset=utf-8", status=problem.status
    )


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    if request.path.startswith("/host/"):
        return plain_error(request, NotFound("There is no such operation in the host API."))
    return plain_error(request, NotFound("There is no such address in this API; /api/docs/ lists them."))


def server_error(request: HttpRequest) -> HttpResponse:
    return plain_error(request, InternalError())


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    return plain_error(request, CSRFFailed())


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    return plain_error(request, Problem("The server cannot make sense of this request."))


@csrf_exempt  # or an unsafe method would be told of a missing proof before the missing address
def api_404(request: HttpRequest) -> HttpResponse:
    raise Http404


handler400 = bad_request
handler404 = not_found
handler500 = server_error

# Swagger UI sets style attributes; its scripts come from this server and need nothing more.
docs = csp_update({"style-src": ["'unsafe-inline'"], "img-src": ["data:"]})(
    SpectacularSwaggerSplitView.as_view(url_name="schema", authentication_classes=[], permission_classes=[])
)

urlpatterns = [
    path("healthz", healthz),
    path("readyz", readyz),
    path("metrics", metrics),
    path("admin/", admin.site.urls),
    path("api/v1/", include("accounts.urls")),
    path("api/v1/", include("plugins.urls")),
    path("api/schema/", PublicSchemaView.as_view(), name="schema"),
    path("api/schema/host/", HostSchemaView.as_view(), name="host-schema"),
    path("api/docs/", docs, name="docs"),
    path("host/v1/", include("plugins.host.urls")),
    re_path(r"^host/v1/", no_operation),
    re_path(r"^(?:api|host|static|ws)(?:/|$)", api_404),
    re_path(r"^", app),
]
