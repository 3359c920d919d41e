"""Ray Data and Spark on this machine: the rows of `labelfix correct`. Slow: both take long to start."""

import os
import re
import shutil
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest

import labelfix

pytestmark = pytest.mark.slow

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "several-machines.md"
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


def block(engine, shop, out):
    """The lines of the page about several machines, with its places on this one."""
    blocks = re.findall(r"^```python\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    (found,) = (block for block in blocks if engine in block)
    found = re.sub(r'"s3a?://bucket/rows/"', repr(str(shop / "new.parquet")), found)
    found = re.sub(r'"s3a?://bucket/scored/"', repr(str(out)), found)
    return compile(found.replace('"/shared/run"', repr(str(shop / "run"))), engine, "exec")


def test_ray_data(ray, shop, wanted, tmp_path):
    exec(block("map_batches", shop, tmp_path / "scored"), {"labelfix": labelfix})
    assert pq.read_table(tmp_path / "scored").cast(wanted.schema).sort_by("id").equals(wanted)


def test_ray_data_cuts_as_it_likes(ray, shop, wanted, tmp_path):
    rows = ray.data.read_parquet(str(shop / "new.parquet")).repartition(4)
    corrector = labelfix.batch_corrector(shop / "run", device="cpu")
    rows.map_batches(corrector, batch_format="pyarrow", batch_size=301).write_parquet(str(tmp_path / "scored"))
    assert pq.read_table(tmp_path / "scored").cast(wanted.schema).sort_by("id").equals(wanted)


def test_spark(spark, shop, wanted, tmp_path):
    exec(block("mapInArrow", shop, tmp_path / "scored"), {"labelfix": labelfix, "spark": spark})
    assert pq.read_table(tmp_path / "scored").cast(wanted.schema).sort_by("id").equals(wanted)
