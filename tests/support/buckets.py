"""A bucket on a real server that speaks S3 (moto's)."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def bucket_of_a_server() -> Iterator[str]:
    """Provide the URL of a bucket, with the variables that lead there; a test is skipped where there is no server."""
    boto3 = pytest.importorskip("boto3", reason="needs moto")
    pytest.importorskip("obstore", reason="needs the extra `farm`")
    server = pytest.importorskip("moto.server", reason="needs moto").ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    address = "http://{}:{}".format(*server.get_host_and_port())
    own = {"AWS_ACCESS_KEY_ID": "id", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_REGION": "us-east-1"}
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {**own, "AWS_ENDPOINT_URL": address, "AWS_ALLOW_HTTP": "true"}.items():
            patch.setenv(name, value)
        boto3.client("s3", endpoint_url=address).create_bucket(Bucket="onebin")
        yield "s3://onebin"
    server.stop()
