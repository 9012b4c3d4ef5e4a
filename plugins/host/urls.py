from django.urls import path, register_converter

from plugins.host.views import routes, view_of


class KeyConverter:
    """A key of a plugin's store: no character in it needs escaping, so what is asked is what is meant."""

    regex = r"(?!\.{1,2}$)[A-Za-z0-9._:-]{1,200}"

    def to_python(self, value: str) -> str:
        return value

    def to_url(self, value: str) -> str:
        return value


register_converter(KeyConverter, "kvkey")

urlpatterns = [path(route, view_of(operations).as_view()) for route, operations in routes().items()]
