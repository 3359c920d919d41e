"""Ray Data and Spark on this machine: the rows of `labelfix correct`. Slow: both take long to start."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest

import labelfix

pytestmark = pytest.mark.slow

ROOT = str(Path(labelfix.__file__).parents[1])
"""Where workers find the same labelfix as this process."""


@pytest.fixture
def ray(monkeypatch):
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    monkeypatch.setenv("RAY_AUTH_MODE", "disabled")
    found = pytest.importorskip("ray")
    pytest.importorskip("ray.data", exc_type=ImportError)
    environment = {"env_vars": {"PYTHONPATH": ROOT, "LABELFIX_CACHE_DIR": os.environ.get("LABELFIX_CACHE_DIR", "")}}
    found.init(
        num_cpus=2,
        include_dashboard=False,
        log_to_driver=False,
        _node_ip_address="127.0.0.1",
        object_store_memory=100 << 20,
        runtime_env=environment,
    )
    yield found
    found.shutdown()


@pytest.fixture
def spark(monkeypatch):
    sql = pytest.importorskip("pyspark.sql")
    if shutil.which("java") is None:
        pytest.skip("Spark needs Java")
    for name, value in {"SPARK_LOCAL_IP": "127.0.0.1", "PYSPARK_PYTHON": sys.executable, "PYTHONPATH": ROOT}.items():
        monkeypatch.setenv(name, value)
    session = sql.SparkSession.builder.master("local[2]")
    for name, value in {
        "spark.ui.enabled": "false",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.host": "127.0.0.1",
        "spark.sql.shuffle.partitions": "2",
        "spark.sql.execution.arrow.maxRecordsPerBatch": "700",
    }.items():
        session = session.config(name, value)
    running = session.getOrCreate()
    yield running
    running.stop()


def test_ray_data(ray, shop, wanted, tmp_path):
    corrector = labelfix.batch_corrector(shop / "run", device="cpu")
    rows = ray.data.read_parquet(str(shop / "new.parquet")).repartition(4)
    done = rows.map_batches(corrector, batch_format="pyarrow", batch_size=700)
    done.write_parquet(str(tmp_path / "scored"))
    assert pq.read_table(tmp_path / "scored").cast(wanted.schema).sort_by("id").equals(wanted)


def test_spark(spark, shop, wanted):
    from pyspark.sql.pandas.types import from_arrow_schema, to_arrow_schema

    corrector = labelfix.batch_corrector(shop / "run", device="cpu")
    rows = spark.read.parquet(str(shop / "new.parquet")).repartition(3)
    schema = from_arrow_schema(corrector.schema(to_arrow_schema(rows.schema)))
    done = rows.mapInArrow(corrector, schema)
    assert done.toArrow().cast(wanted.schema).sort_by("id").equals(wanted)
