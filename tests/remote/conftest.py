"""A finished run on a disk, and servers on this machine's loopback that hold its tables; tests stop what they start."""

import http.server
import logging
import threading
from functools import partial
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from remote_tables import BUCKET, KEY, SECRET, blobs

from labelfix.cli import main


@pytest.fixture(scope="session")
def made(tmp_path_factory):
    """noisy.parquet, noisy.csv, gold.csv, truth.csv, new.parquet, and a run that was trained on them here."""
    folder = tmp_path_factory.mktemp("made")
    noisy, truth = blobs(160, seed=0)
    ids = noisy["id"].to_pylist()
    pq.write_table(noisy, folder / "noisy.parquet", row_group_size=64)
    rows = zip(ids, noisy["x"].to_pylist(), noisy["y"].to_pylist(), noisy["label"].to_pylist(), strict=True)
    (folder / "noisy.csv").write_text("id,x,y,label\n" + "".join(",".join(map(str, row)) + "\n" for row in rows))
    (folder / "truth.csv").write_text("id,label\n" + "".join(f"{i},{t}\n" for i, t in zip(ids, truth, strict=True)))
    pairs = list(zip(ids, truth, strict=True))[:24]
    (folder / "gold.csv").write_text("id,label\n" + "".join(f"{i},{t}\n" for i, t in pairs))
    pq.write_table(blobs(50, seed=1)[0], folder / "new.parquet", row_group_size=20)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("LABELFIX_CACHE_DIR", str(folder / "cache"))
        words = ["--noisy", "noisy.parquet", "--clean", "gold.csv", "--out", "run", "-q"]
        assert main(["train", *words]) == 0
    return folder


@pytest.fixture
def here(made, tmp_path, monkeypatch):
    """An empty working directory; `made` has the tables and the run."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LABELFIX_CACHE_DIR", str(made / "cache"))
    return tmp_path


@pytest.fixture(scope="session")
def s3_server():
    """The variables by which S3 on this machine is found."""
    pytest.importorskip("s3fs")
    server = pytest.importorskip("moto.server", exc_type=ImportError)
    running = server.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    running.start()
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    port = running.get_host_and_port()[1]
    yield {
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
        "AWS_ACCESS_KEY_ID": KEY,
        "AWS_SECRET_ACCESS_KEY": SECRET,
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    running.stop()


@pytest.fixture
def s3(s3_server, monkeypatch):
    """S3 with an empty bucket, as fsspec sees it."""
    import s3fs

    for name, value in s3_server.items():
        monkeypatch.setenv(name, value)
    s3fs.S3FileSystem.clear_instance_cache()
    files = s3fs.S3FileSystem(use_listings_cache=False, skip_instance_cache=True)
    files.mkdir(BUCKET)
    yield files
    for key in files.find(BUCKET):
        files.rm_file(key)
    files.rmdir(BUCKET)
    s3fs.S3FileSystem.clear_instance_cache()


class _WithRanges(http.server.SimpleHTTPRequestHandler):
    """Serves a folder to those who bring the signature; parts of files where the server does."""

    ranges = True

    def send_head(self):
        path, _, query = self.path.partition("?")
        if query != f"X-Amz-Signature={SECRET}":
            self.send_error(403)
            return None
        self.path = path
        wanted = self.headers.get("Range")
        if not self.ranges or wanted is None:
            return super().send_head()
        file = Path(self.translate_path(path))
        if not file.is_file():
            self.send_error(404)
            return None
        first, last = wanted.removeprefix("bytes=").split("-")
        size = file.stat().st_size
        end = min(int(last or size - 1), size - 1)
        self.send_response(206)
        self.send_header("Content-Range", f"bytes {first}-{end}/{size}")
        self.send_header("Content-Length", str(end + 1 - int(first)))
        self.end_headers()
        stream = file.open("rb")
        stream.seek(int(first))
        self._left = end + 1 - int(first)
        return stream

    def copyfile(self, source, outputfile):
        outputfile.write(source.read(self.__dict__.pop("_left", -1)))

    def log_message(self, *_):
        pass


class _Whole(_WithRanges):
    ranges = False


@pytest.fixture(params=[_WithRanges, _Whole], ids=["ranges", "whole"])
def web(request, made):
    """The address of a web server that has the tables."""
    pytest.importorskip("aiohttp")
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(request.param, directory=str(made)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
