"""All settings, from environment variables. An invalid value stops the start with an error that names it.

With none set, the server listens on 127.0.0.1:8000, uses SQLite and stores its files under var/.
docs/configuration.md describes each variable; a test checks that it lists all of them.
"""

import os
import re
import secrets
import sys
from pathlib import Path
from urllib.parse import urlsplit

import dj_database_url
import dj_email_url
import django_stubs_ext
from csp.constants import NONE, SELF
from django.core.exceptions import ImproperlyConfigured

from config.headers import add_headers
from plugins.egress.ip_policy import parse_exceptions

django_stubs_ext.monkeypatch()

BASE_DIR = Path(__file__).resolve().parent.parent


def env(name: str, default: str = "") -> str:
    return os.environ.get(name, "").strip() or default


def env_int(name: str, default: int, low: int, high: int) -> int:
    raw = env(name, str(default))
    if not raw.isascii() or not raw.isdigit() or not low <= int(raw) <= high:
        raise ImproperlyConfigured(f"{name} must be a whole number from {low} to {high}, not {raw!r}.")
    return int(raw)


def env_bool(name: str, default: bool) -> bool:
    raw = env(name, "true" if default else "false").lower()
    if raw not in {"true", "false", "1", "0", "yes", "no"}:
        raise ImproperlyConfigured(f"{name} must be true or false, not {raw!r}.")
    return raw in {"true", "1", "yes"}


def env_secret(name: str) -> str:
    """The value of the variable, or else the content of the file that `{name}_FILE` names, or else ""."""
    if secret := env(name):
        return secret
    path = env(f"{name}_FILE")
    if not path:
        return ""
    try:
        secret = Path(path).read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ImproperlyConfigured(f"{name}_FILE {path!r} cannot be read: {error}.") from error
    if not secret:
        raise ImproperlyConfigured(f"{name}_FILE {path!r} is empty.")
    return secret


def env_list(name: str) -> list[str]:
    return [item.strip() for item in env(name).split(",") if item.strip()]


# --- Server -------------------------------------------------------------------------------------------
DATA_DIR = Path(env("DATA_DIR", str(BASE_DIR / "var"))).expanduser().resolve()
HOST = env("HOST", "127.0.0.1")
PORT = env_int("PORT", 8000, 1, 65535)
PUBLIC_URL = env("PUBLIC_URL", f"http://{f'[{HOST}]' if ':' in HOST else HOST}:{PORT}").rstrip("/")
if urlsplit(PUBLIC_URL).scheme not in {"http", "https"} or not urlsplit(PUBLIC_URL).hostname:
    raise ImproperlyConfigured(f"PUBLIC_URL must be an http:// or https:// URL, not {PUBLIC_URL!r}.")
PUBLIC_HTTPS = PUBLIC_URL.startswith("https://")


def read_secret_key() -> str:
    """SECRET_KEY, or the content of SECRET_KEY_FILE, or a key generated once and stored in DATA_DIR."""
    if key := env_secret("SECRET_KEY"):
        return key
    path = DATA_DIR / "secret-key"
    try:
        DATA_DIR.mkdir(parents=True, exist_ok=True)
        # Written to a draft that is linked into place, so two processes that start at once use one key.
        draft = path.with_name(f"secret-key.{os.getpid()}")
        draft.touch(mode=0o600)
        draft.write_text(secrets.token_urlsafe(48))
        try:
            os.link(draft, path)
        except FileExistsError:
            pass
        finally:
            draft.unlink()
        return path.read_text()
    except OSError as error:
        raise ImproperlyConfigured(f"DATA_DIR {str(DATA_DIR)!r} is not writable: {error}.") from error


SECRET_KEY = read_secret_key()
METRICS_TOKEN = env_secret("METRICS_TOKEN")
if METRICS_TOKEN and not re.fullmatch(r"[\x21-\x7e]{16,}", METRICS_TOKEN):
    raise ImproperlyConfigured("METRICS_TOKEN must have at least 16 characters, only visible ASCII ones.")
DEBUG = env_bool("DEBUG", default=False)
ALLOWED_HOSTS = env_list("ALLOWED_HOSTS") or [
    "localhost", "127.0.0.1", "[::1]", urlsplit(PUBLIC_URL).hostname or HOST,
]  # fmt: skip
# X-Forwarded-* headers are trusted only if the operator says that a proxy sets them.
TRUST_PROXY = env_bool("TRUST_PROXY", default=False)
if TRUST_PROXY:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")

# --- Django -------------------------------------------------------------------------------------------
INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "channels",
    "csp",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "core",
    "accounts",
    "plugins",
]
MIDDLEWARE = [
    "plugins.egress.loop_guard.refuse_own_plugins",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
ROOT_URLCONF = "config.urls"
ASGI_APPLICATION = "config.asgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]
LANGUAGE_CODE = "en"
USE_TZ = True
TIME_ZONE = "UTC"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# --- Data ---------------------------------------------------------------------------------------------
DATABASES = {
    "default": dj_database_url.parse(
        env("DATABASE_URL", f"sqlite:///{DATA_DIR / 'hostbridge.sqlite3'}"), conn_max_age=60
    )
}
if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":
    # IMMEDIATE: a transaction takes the write lock when it begins, so it waits for its turn instead of
    # failing halfway with "database is locked".
    DATABASES["default"]["OPTIONS"] = {
        "transaction_mode": "IMMEDIATE",
        "timeout": 20,
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA mmap_size=268435456;",
    }
    # Keeps REST framework from loading PostgreSQL's driver (9 MB) for fields that no model here has.
    sys.modules.setdefault("django.contrib.postgres.fields", None)  # type: ignore[arg-type]

# --- Accounts -----------------------------------------------------------------------------------------
AUTH_USER_MODEL = "accounts.User"
PASSWORD_HASHERS = ["accounts.passwords.Argon2idHasher"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "accounts.password_rules.LengthValidator", "OPTIONS": {"min_length": 8, "max_length": 128}},
    {
        "NAME": "accounts.password_rules.ContextWordValidator",
        "OPTIONS": {"user_attributes": ("email", "name")},
    },
    {"NAME": "accounts.password_rules.CommonPasswordValidator"},
]
_email = dj_email_url.parse(env("EMAIL_URL", "console:"))
EMAIL_BACKEND = _email["EMAIL_BACKEND"]
EMAIL_HOST, EMAIL_PORT = _email.get("EMAIL_HOST") or "localhost", _email.get("EMAIL_PORT") or 25
EMAIL_HOST_USER = _email["EMAIL_HOST_USER"] or ""
EMAIL_HOST_PASSWORD = _email["EMAIL_HOST_PASSWORD"] or ""
EMAIL_USE_TLS, EMAIL_USE_SSL = _email["EMAIL_USE_TLS"], _email["EMAIL_USE_SSL"]
EMAIL_FILE_PATH = Path("/", _email["EMAIL_FILE_PATH"])  # the parser drops the leading slash
EMAIL_TIMEOUT = 10
DEFAULT_FROM_EMAIL = env("EMAIL_FROM", f"Hostbridge <no-reply@{urlsplit(PUBLIC_URL).hostname}>")
AUTH_PLUGIN = env("AUTH_PLUGIN", "auth")
AUTH_ATTEMPTS_PER_ACCOUNT = env_int("AUTH_ATTEMPTS_PER_ACCOUNT", 10, 0, 10**6)
AUTH_ATTEMPTS_PER_ADDRESS = env_int("AUTH_ATTEMPTS_PER_ADDRESS", 100, 0, 10**6)

# --- Plugins ------------------------------------------------------------------------------------------
BUNDLED_PLUGINS_DIR = BASE_DIR / "wasm-plugins"
BUNDLED_PLUGINS = ["auth", "convert", "template"]
PLUGIN_WORKERS = env_int("PLUGIN_WORKERS", 3, 1, 64)
PLUGIN_QUEUE = env_int("PLUGIN_QUEUE", 64, 0, 10_000)
PLUGIN_QUEUE_TIMEOUT_MS = env_int("PLUGIN_QUEUE_TIMEOUT_MS", 5_000, 1, 600_000)
PLUGIN_MAX_TIMEOUT_MS = env_int("PLUGIN_MAX_TIMEOUT_MS", 30_000, 1, 600_000)
PLUGIN_MAX_MEMORY_MB = env_int("PLUGIN_MAX_MEMORY_MB", 256, 1, 4096)
PLUGIN_MAX_FUEL = env_int("PLUGIN_MAX_FUEL", 0, 0, 10**15)
PLUGIN_MAX_HOST_CALLS = env_int("PLUGIN_MAX_HOST_CALLS", 10_000, 0, 1_000_000)
PLUGIN_MAX_BRIDGE_BYTES = env_int("PLUGIN_MAX_BRIDGE_BYTES", 64 << 20, 1, 1 << 30)
PLUGIN_FAULT_BUDGET = env_int("PLUGIN_FAULT_BUDGET", 10, 0, 200)
PLUGIN_SLOW_BUDGET = env_int("PLUGIN_SLOW_BUDGET", 10, 0, 200)
EXECUTION_KEEP_BYTES = env_int("EXECUTION_KEEP_BYTES", 64 << 10, 0, 16 << 20)
EXECUTION_KEEP_DAYS = env_int("EXECUTION_KEEP_DAYS", 90, 0, 36_500)
EXECUTION_KEEP_COUNT = env_int("EXECUTION_KEEP_COUNT", 1_000_000, 0, 10**9)
PLUGIN_MAX_INPUT_BYTES = env_int("PLUGIN_MAX_INPUT_BYTES", 16 << 20, 1, 1 << 30)
PLUGIN_MAX_BUNDLE_BYTES = env_int("PLUGIN_MAX_BUNDLE_BYTES", 40 << 20, 1, 1 << 30)
PLUGIN_KV_QUOTA_BYTES = env_int("PLUGIN_KV_QUOTA_BYTES", 1 << 20, 0, 1 << 30)
EXECUTION_TOKEN_SECONDS = env_int("EXECUTION_TOKEN_SECONDS", 300, 10, 3600)
PLUGIN_MAX_OUTPUT_BYTES = env_int("PLUGIN_MAX_OUTPUT_BYTES", 48 << 20, 1, 1 << 30)

# Limits on plugins' requests to other servers. Administrators grant the URLs themselves.
EGRESS_TIMEOUT_MS = env_int("EGRESS_TIMEOUT_MS", 10_000, 1, 600_000)
EGRESS_MAX_RESPONSE_BYTES = env_int("EGRESS_MAX_RESPONSE_BYTES", 4 << 20, 1, 32 << 20)
try:
    EGRESS_ALLOW_PRIVATE = parse_exceptions(env_list("EGRESS_ALLOW_PRIVATE"))
except ValueError as error:
    raise ImproperlyConfigured(f"EGRESS_ALLOW_PRIVATE: {error}.") from error

# --- HTTP ---------------------------------------------------------------------------------------------
DATA_UPLOAD_MAX_MEMORY_SIZE = 1 << 20  # for JSON bodies; for a plugin's input, PLUGIN_MAX_INPUT_BYTES
MAX_REQUEST_BYTES = max(PLUGIN_MAX_INPUT_BYTES, 2 << 20)  # for any body; see config/body_limits.py
# For bodies to these paths: a bundle, with the overhead of multipart/form-data.
LARGER_REQUEST_BYTES = {"/api/v1/plugins": max(PLUGIN_MAX_BUNDLE_BYTES + (64 << 10), MAX_REQUEST_BYTES)}
MAX_HELD_REQUEST_BYTES = 16 * max(LARGER_REQUEST_BYTES.values())  # for all large bodies together
SESSION_COOKIE_NAME = "hostbridge_admin"  # for the Django admin; accounts.authentication sets the app's
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = PUBLIC_HTTPS
CSRF_FAILURE_VIEW = "config.error_pages.csrf_failure"
CSRF_TRUSTED_ORIGINS = [PUBLIC_URL] if PUBLIC_HTTPS else []
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "worker-src": [SELF],
        "connect-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],
        "font-src": [SELF],
        "manifest-src": [SELF],
        "base-uri": [NONE],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
    }
}
FRONTEND_DIST = BASE_DIR / "frontend" / "dist"
STATIC_URL = "/static/"
STATIC_ROOT = DATA_DIR / "static"
STATICFILES_DIRS = [FRONTEND_DIST] if FRONTEND_DIST.is_dir() else []
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "config.static_files.StaticFilesStorage"},
}
# Vite puts a hash of the content into the file names under assets/, so they can be cached for ever.
WHITENOISE_IMMUTABLE_FILE_TEST = r"^/static/assets/.+-[\w-]{8,}\.\w+$"
WHITENOISE_ADD_HEADERS_FUNCTION = add_headers

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["accounts.authentication.SessionAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["core.parsers.StrictJSONParser"],
    "DEFAULT_CONTENT_NEGOTIATION_CLASS": "core.parsers.JSONOnlyNegotiation",
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "core.problems.exception_handler",
    "UNAUTHENTICATED_USER": "django.contrib.auth.models.AnonymousUser",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Hostbridge REST API",
    "VERSION": "1",
    "DESCRIPTION": "Accounts, plugins and executions. Errors are application/problem+json (RFC 9457).",
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "SERVE_INCLUDE_SCHEMA": False,
    "SCHEMA_PATH_PREFIX": r"/api/v1",
    "ENUM_NAME_OVERRIDES": {
        "ExecutionState": [
            "queued",
            "running",
            "succeeded",
            "failed",
            "timed_out",
            "cancelled",
            "crashed",
        ],
        "PluginState": ["waiting", "enabled", "disabled"],
        "ReleaseState": ["active", "pending", "previous"],
        "RunEnd": "plugins.executions.browser_runs.ENDS",
    },
}

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "{asctime} {levelname} {name}: {message}", "style": "{"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["console"], "level": "WARNING"},
    "loggers": {
        "hostbridge": {"level": env("LOG_LEVEL", "INFO").upper()},
        # Refused requests are reported to their callers. The log is for the server's own failures.
        "django.request": {"level": "ERROR"},
    },
}
