"""Run a build service until it is stopped."""

from __future__ import annotations

import ctypes
import os
import signal
import socket
import sys
import threading
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from filelock import FileLock, Timeout

from onebin.catalogue import Catalogue
from onebin.errors import ServiceError, os_errors
from onebin.farm import Store, check_scheduler
from onebin.service.shelf import Shelf
from onebin.service.sizes import Sizes
from onebin.system import display

try:
    import uvicorn

    from onebin.service.jobs import Builder, Ledger, database_errors
    from onebin.service.web import News, Service, application
    from onebin.service.web.metrics import Metrics
    from onebin.service.web.rates import Rates
except ImportError as missing:
    raise ServiceError("the build service needs Starlette and uvicorn", "pip install 'onebin[serve]'") from missing

if sys.platform != "win32":
    import resource

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import FrameType

    from onebin.service.settings import ServiceSettings

_MOST_FILES = 65_536
_M_MMAP_THRESHOLD, _LARGE = -3, 128 * 1024  # of mallopt(3); in bytes
_LAST_SECONDS = 10  # for answers that are being sent when the service stops


@dataclass(frozen=True, kw_only=True)
class Serving:
    """A service that has begun: its address, what it offers, and how many builds the last one had not finished."""

    address: str
    hosts: int
    at_once: int
    again: int


def serve(settings: ServiceSettings, ready: Callable[[Serving], None] = lambda _: None) -> None:
    """Answer requests and build until SIGINT or SIGTERM; what runs then waits for the next start.

    `ready` is called when requests are answered. Raises ManifestError for the catalogue, ServiceError for what keeps
    the service from starting, and FarmError and StoreError for engine and store.
    """
    catalogue = Catalogue.load(settings.catalogue)
    with os_errors(ServiceError, "write", settings.directory):
        settings.directory.mkdir(parents=True, exist_ok=True)
    with _alone(settings), _listening(settings) as listener, _ended_by_hangup():
        settings = _reached(settings, listener.getsockname()[1])
        service = _service(settings, catalogue)
        server = _Server(service, ready)
        _allow_connections()
        _give_memory_back()
        service.sizes.start()
        try:
            with database_errors(service.ledger.file):
                server.again = service.builder.start()
            server.run(sockets=[listener])
        except KeyboardInterrupt:  # uvicorn raises the signal again that it ended for
            pass
        finally:
            service.news.stop()
            service.sizes.stop()
            service.builder.stop()


def _allow_connections() -> None:
    """Let this process have many files and connections, as far as the system allows it: each stream is one."""
    if sys.platform != "win32":
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        most = _MOST_FILES if hard == resource.RLIM_INFINITY else min(hard, _MOST_FILES)
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, most), hard))


def _give_memory_back() -> None:
    """Have glibc return large blocks to the system when they are freed; otherwise it keeps them for each thread."""
    with suppress(OSError, AttributeError, TypeError):  # another C library, or Windows, where a library needs a name
        ctypes.CDLL(None).mallopt(_M_MMAP_THRESHOLD, _LARGE)


def _reached(settings: ServiceSettings, port: int) -> ServiceSettings:
    """Return the settings with the port that was taken; what is built says that this address has built it."""
    known = replace(settings, port=port)
    attestor = known.attestor and replace(known.attestor, builder=known.address)
    return replace(known, attestor=attestor)


def _service(settings: ServiceSettings, catalogue: Catalogue) -> Service:
    news = News()
    store = Store.at(settings.store_url)
    store.identity()
    if settings.engine == "dask":
        check_scheduler(settings.scheduler, settings.certificates)
    ledger = Ledger(settings.directory / "jobs.db", changed=news.tell)
    return Service(
        settings=settings,
        catalogue=catalogue,
        ledger=ledger,
        builder=Builder(settings=settings, catalogue=catalogue, ledger=ledger, store=store),
        store=store,
        shelf=Shelf(settings.directory / "held", store, settings.limits.held),
        sizes=Sizes(catalogue, settings.directory, replace(settings.source, project=catalogue.directory)),
        news=news,
        rates=Rates(),
        metrics=Metrics(),
    )


@contextmanager
def _alone(settings: ServiceSettings) -> Iterator[None]:
    """Hold the folder of the service; raises ServiceError if another service has it."""
    lock = FileLock(settings.directory / "service.lock")
    with os_errors(ServiceError, "write", settings.directory):
        try:
            lock.acquire(timeout=0)
        except Timeout:
            message = f"another service uses {display(settings.directory)}"
            raise ServiceError(message, "stop it, or name another folder with --directory") from None
    try:
        yield
    finally:
        lock.release()


@contextmanager
def _listening(settings: ServiceSettings) -> Iterator[socket.socket]:
    """Provide a socket at the service's address; raises ServiceError if there can be none."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    try:
        listener = socket.create_server((settings.host, settings.port), family=family, backlog=2048)
    except OSError as error:
        message = f"cannot listen on {settings.host} port {settings.port}: {os.strerror(error.errno or 0)}"
        raise ServiceError(message, "choose others with --host and --port") from error
    with listener:
        yield listener


@contextmanager
def _ended_by_hangup() -> Iterator[None]:
    """Have SIGHUP, which a closed terminal sends, end the service in good order, unless it is ignored (nohup)."""
    number = getattr(signal, "SIGHUP", None)  # not on Windows
    is_main = threading.current_thread() is threading.main_thread()
    if number is None or not is_main or signal.getsignal(number) is not signal.SIG_DFL:
        yield
        return
    signal.signal(number, lambda _number, _frame: signal.raise_signal(signal.SIGTERM))
    try:
        yield
    finally:
        signal.signal(number, signal.SIG_DFL)


class _Server(uvicorn.Server):
    """uvicorn's server, which says when it is ready and ends all streams when it is told to stop."""

    def __init__(self, service: Service, ready: Callable[[Serving], None]) -> None:
        config = uvicorn.Config(
            application(service),
            log_level="warning",
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=_LAST_SECONDS,
            lifespan="on",
            ws="none",
        )
        super().__init__(config)
        self.again = 0
        self._service, self._ready = service, ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to answer."""
        await super().startup(sockets)
        service = self._service
        self._ready(
            Serving(
                address=service.settings.address,
                hosts=len(service.catalogue.hosts),
                at_once=service.builder.at_once,
                again=self.again,
            )
        )

    def handle_exit(self, sig: int, frame: FrameType | None) -> Any:
        """Stop after a signal."""
        self._service.news.stop()
        super().handle_exit(sig, frame)
