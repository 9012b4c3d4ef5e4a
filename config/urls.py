"""All URLs of the server."""

from pathlib import Path

from csp.decorators import csp_update
from django.conf import settings
from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.urls import include, path, re_path
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import ensure_csrf_cookie
from django.views.decorators.http import require_safe
from drf_spectacular.views import SpectacularSwaggerSplitView

from config.error_pages import api_404, bad_request, not_found, server_error
from config.probes import healthz, metrics, readyz
from plugins.api.openapi import HostSchemaView, PublicSchemaView
from plugins.host.cors import no_operation


@require_safe
@never_cache
@ensure_csrf_cookie
def app(request: HttpRequest) -> HttpResponse:
    """The single-page app, for every URL that no other view serves."""
    page = Path(settings.FRONTEND_DIST) / "index.html"
    try:
        return HttpResponse(page.read_bytes())
    except FileNotFoundError:
        return HttpResponse(
            "The front end has not been built. Run: make frontend\n", "text/plain", status=503
        )


handler400 = bad_request
handler404 = not_found
handler500 = server_error

# Swagger UI sets style attributes. Its scripts come from this server and need no exception.
docs = csp_update({"style-src": ["'unsafe-inline'"], "img-src": ["data:"]})(
    SpectacularSwaggerSplitView.as_view(url_name="schema", authentication_classes=[], permission_classes=[])
)

urlpatterns = [
    path("healthz", healthz),
    path("readyz", readyz),
    path("metrics", metrics),
    path("admin/", admin.site.urls),
    path("api/v1/", include("accounts.urls")),
    path("api/v1/", include("plugins.api.urls")),
    path("api/schema/", PublicSchemaView.as_view(), name="schema"),
    path("api/schema/host/", HostSchemaView.as_view(), name="host-schema"),
    path("api/docs/", docs, name="docs"),
    path("host/v1/", include("plugins.host.urls")),
    re_path(r"^host/v1/", no_operation),
    re_path(r"^(?:api|host|static|ws)(?:/|$)", api_404),
    re_path(r"^", app),
]
