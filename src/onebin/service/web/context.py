"""What every answer of a service is made from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.requests import HTTPConnection

    from onebin.catalogue import Catalogue, Order
    from onebin.farm import Store
    from onebin.service.jobs import Builder, Ledger
    from onebin.service.settings import ServiceSettings
    from onebin.service.shelf import Shelf
    from onebin.service.sizes import OrderSize, Sizes
    from onebin.service.web.metrics import Metrics
    from onebin.service.web.news import News
    from onebin.service.web.rates import Rates


@dataclass(frozen=True, kw_only=True)
class Service:
    """One running service."""

    settings: ServiceSettings
    catalogue: Catalogue
    ledger: Ledger
    builder: Builder
    store: Store
    shelf: Shelf
    sizes: Sizes
    news: News
    rates: Rates
    metrics: Metrics

    def size_of(self, order: Order) -> OrderSize | None:
        """Return how large an order is, as far as that is known; raises CatalogueError."""
        return self.sizes.of(order)

    def plugin_sizes(self, host: str) -> Mapping[str, int | None]:
        """Return how many bytes each plugin of a host adds; None is unknown."""
        return self.sizes.of_plugins(host)


def service_of(connection: HTTPConnection) -> Service:
    """Return the service that a request came to."""
    found: Service = connection.app.state.service
    return found
