"""POST /api/v1/plugins: administrators upload bundles."""

from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as product
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import CommandError, call_command
from django.test import Client
from django.test.client import BOUNDARY, MULTIPART_CONTENT, encode_multipart

from accounts import sessions
from accounts.authentication import COOKIE
from accounts.models import User
from plugins.bundles.bundle import read_folder, read_zip
from plugins.models import Grant, Plugin, Release
from plugins.registry import catalogue, installation, wasm_store
from tests.conftest import API, assert_problem
from tests.plugins.bundles import wasm_builder as build
from tests.plugins.bundles.samples import FILES, WASM, make_zip, zipped
from tests.server import ROOT

URL = "/api/v1/plugins"

# Damage in every layer: the archive, the manifest, the module.
BAD_BUNDLES = {
    "invalid-bundle": make_zip(FILES | {"../evil": b""}),
    "invalid-manifest": zipped(name="Not A Slug"),
    "invalid-wasm": zipped(wasm=build.module(imports=[("env", "system", "(i32) -> i32")])),
}


@pytest.fixture(autouse=True)
def _empty_store(transactional_db: None) -> None:
    with wasm_store.changing():
        wasm_store.keep_only(set())


def form(**fields: Any) -> bytes:
    """The fields as multipart/form-data; bytes become files."""
    files = {
        name: [SimpleUploadedFile("bundle.zip", part) if isinstance(part, bytes) else part for part in parts]
        for name, value in fields.items()
        for parts in [value if isinstance(value, list) else [value]]
    }
    return bytes(encode_multipart(BOUNDARY, files))


def upload(user: User | None, data: Any, content_type: str = MULTIPART_CONTENT) -> Any:
    body = data if isinstance(data, bytes) else form(**data)
    return API(user).post(URL, body, content_type=content_type)


def stored() -> set[str]:
    """The files in the .wasm folder, except for its lock."""
    return {path.name for path in (Path(product.DATA_DIR) / "wasm").iterdir()} - {".lock"}


# --- what works ---------------------------------------------------------------------------------------


def test_uploaded_plugin_waits_for_consent(charlie: User) -> None:
    response = upload(charlie, {"bundle": zipped()})
    assert response.status_code == 201, response.content
    assert response["Location"] == "/api/v1/plugins/hostcall"
    body = response.json()
    assert body["version"] == "1.0.0"
    assert body["plugin"]["state"] == "waiting"
    assert body["plugin"]["pending"]["version"] == "1.0.0"
    assert body["report"]["wasm_bytes"] == len(WASM)
    assert body["report"]["functions"] == ["fetch", "fetch_many"]
    assert "db_create_user" in body["report"]["permissions"]
    env, _wasi = body["report"]["imports"]
    assert (env["namespace"], "http_request" in env["names"]) == ("extism:host/env", True)
    assert not Grant.objects.exists()
    assert stored() == {f"{catalogue.get_release('hostcall', '1.0.0').sha256}.wasm"}


def test_uploaded_plugin_runs_once_activated(charlie: User) -> None:
    upload(charlie, {"bundle": zipped(permissions=[])})
    client = API(charlie)
    assert client.post(f"{URL}/hostcall/releases/1.0.0/activate", {}).status_code == 200
    asked = {"method": "GET", "url": "http://hostbridge.invalid/host/v1/kv", "headers": {}}
    assert client.post(f"{URL}/hostcall/call/fetch", asked).status_code == 200


def test_same_bundle_again_changes_nothing(charlie: User) -> None:
    first, second = (upload(charlie, {"bundle": zipped()}) for _ in range(2))
    assert (second.status_code, second.json()) == (201, first.json())
    assert Release.objects.count() == 1


def test_browser_uploads_with_cookie_and_csrf_token(charlie: User) -> None:
    """Django's CSRF check reads the form before REST framework does."""
    browser = Client(enforce_csrf_checks=True, raise_request_exception=False)
    browser.cookies[COOKIE] = sessions.create_session(charlie.pk, 3600)[1]
    browser.get("/")
    proof = {"X-CSRFToken": browser.cookies["csrftoken"].value}

    def post(body: bytes, content_type: str = MULTIPART_CONTENT, **headers: str) -> Any:
        return browser.generic("POST", URL, body, content_type, headers=headers)

    assert_problem(post(form(bundle=zipped())), 403, "csrf-failed")
    assert post(form(bundle=zipped()), **proof).status_code == 201
    assert_problem(post(b"x", "multipart/form-data", **proof), 400, "malformed-multipart")
    assert_problem(post(form(bundle=[b"x"] * 101), **proof), 400, "malformed-multipart")


# --- who ----------------------------------------------------------------------------------------------


def test_only_administrators_can_upload(alice: User) -> None:
    assert_problem(upload(None, {"bundle": zipped()}), 401, "not-authenticated")
    assert_problem(upload(alice, {"bundle": zipped()}), 403, "forbidden")
    assert not Plugin.objects.exists()
    assert API(alice).get(URL).status_code == 200, "every user can list plugins"


# --- what is refused ----------------------------------------------------------------------------------


@pytest.mark.parametrize("code", BAD_BUNDLES)
def test_refused_bundle_leaves_nothing_behind(
    charlie: User, code: str, settings: Any, tmp_path: Path
) -> None:
    settings.FILE_UPLOAD_MAX_MEMORY_SIZE = 0  # like a large one, which Django writes to a file first
    settings.FILE_UPLOAD_TEMP_DIR = tmp_path
    assert_problem(upload(charlie, {"bundle": BAD_BUNDLES[code]}), 400, code)
    assert not Plugin.objects.exists()
    assert stored() == set()
    assert list(tmp_path.iterdir()) == []


def test_version_can_be_installed_once(charlie: User) -> None:
    upload(charlie, {"bundle": zipped()})
    before = stored()
    other = zipped(wasm=WASM + build.section(build.CUSTOM, build.name("other")))
    problem = assert_problem(upload(charlie, {"bundle": other}), 409, "release-exists")
    assert "Give the changed plugin a new version" in problem["detail"]
    assert stored() == before
    assert_problem(upload(charlie, {"bundle": zipped(title="Other")}), 409, "release-exists")


@pytest.mark.parametrize("name", ["auth", "template"])
def test_upload_cannot_replace_bundled_plugin(bundled: dict[str, Plugin], charlie: User, name: str) -> None:
    """It asks for no more, so it would become active at once with the grants of the bundled release."""
    upgrade = zipped(name=name, version="99.0.0", permissions=[])
    problem = assert_problem(upload(charlie, {"bundle": upgrade}), 409, "plugin-name-reserved")
    assert "Give your plugin another name" in problem["detail"]
    assert catalogue.get_plugin(name).active.version != "99.0.0"


def test_oversized_bundle_is_refused(charlie: User, settings: Any) -> None:
    settings.PLUGIN_MAX_BUNDLE_BYTES = len(zipped())
    assert upload(charlie, {"bundle": zipped()}).status_code == 201
    settings.PLUGIN_MAX_BUNDLE_BYTES -= 1
    assert_problem(upload(charlie, {"bundle": zipped()}), 413, "payload-too-large")


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({}, "/bundle"),
        ({"bundle": b""}, "/bundle"),
        ({"bundle": "text"}, "/bundle"),
        ({"bundle": [b"one", b"two"]}, "/bundle"),
        ({"bundle": b"x", "grants": "kv_get"}, "/grants"),
    ],
    ids=["nothing", "an empty file", "text", "two files", "another field"],
)
def test_form_must_have_exactly_one_file(charlie: User, fields: dict[str, Any], pointer: str) -> None:
    problem = assert_problem(upload(charlie, fields), 400, "invalid-input")
    assert problem["errors"][0]["pointer"] == pointer


def test_wrong_content_type_is_refused(charlie: User) -> None:
    for content_type in ("application/zip", "text/plain", ""):
        problem = assert_problem(upload(charlie, zipped(), content_type), 415, "unsupported-media-type")
        assert "multipart/form-data or application/json" in problem["detail"]


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b"x", "multipart/form-data"),
        (form(bundle=[b"x"] * 101), MULTIPART_CONTENT),
    ],
    ids=["no boundary", "too many files"],
)
def test_malformed_form_is_refused(charlie: User, body: bytes, content_type: str) -> None:
    assert_problem(upload(charlie, body, content_type), 400, "malformed-multipart")


# --- the command line ---------------------------------------------------------------------------------


def test_command_line_installs_archives(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    archive = tmp_path / "hostcall.zip"
    archive.write_bytes(zipped())
    call_command("plugin", "check", str(archive))
    output = capsys.readouterr().out
    assert "hostcall 1.0.0 is a valid bundle." in output
    assert "imports from extism:host/env: alloc" in output
    assert "asks for: db_" in output
    assert not Plugin.objects.exists()
    call_command("plugin", "install", str(archive))
    assert catalogue.get_plugin("hostcall").state == "waiting"
    archive.write_bytes(BAD_BUNDLES["invalid-wasm"])
    with pytest.raises(CommandError, match=r"The module imports env\.system"):
        call_command("plugin", "check", str(archive))


@pytest.mark.parametrize(
    ("fixture", "reason"),
    [("init_loop", "did not start in time"), ("init_crash", "SIGSEGV")],
)
def test_module_that_fails_its_trial_start_is_refused(fixture: str, reason: str) -> None:
    """Validation cannot see this. Only a trial start in a worker shows it."""
    with pytest.raises(installation.TrialFailed, match=reason):
        installation.install(read_folder(ROOT / "wasm-plugins" / "fixtures" / fixture))
    assert not Plugin.objects.exists()
    assert not list(Path(product.DATA_DIR, "wasm").glob("*.wasm"))


def test_module_is_tried_again_under_other_limits() -> None:
    installation.install(read_zip(zipped()))
    release = installation.install(read_zip(zipped(version="1.0.1")))
    assert release.version == "1.0.1", "the same bytes within the same limits start as before"
    with pytest.raises(installation.TrialFailed):
        installation.install(read_zip(zipped(version="1.0.2", limits={"fuel": 1})))
    assert Release.objects.count() == 2
