"""Where a document's clients may be pointed at: the gateway, a prefix of it, or a port."""

from tests.conftest import Running

PLACES = ("root", "prefix", "port")


def address(gateway: Running, surface: str, place: str) -> str:
    if place == "port":
        return next(url for name, url in gateway.server.addresses[1:] if name == surface)
    return gateway.url if place == "root" else f"{gateway.url}/{surface}"
