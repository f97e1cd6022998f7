"""Downloads, against a server on this machine: whole, cut off, changed, of the wrong content, absent."""

import hashlib
import io
import json
import re
import threading
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from emcog.errors import DataError, OptionError
from emcog.human import load_dataset
from emcog.human.datasets import cards, dataset_path, fetch_dataset, fetching, find_dataset


class Server:
    """Serves bytes by path; what it was asked is kept."""

    def __init__(self):
        self.files: dict[str, bytes] = {}
        self.cut_after: int | None = None
        self.weak = False
        self.asked: list[tuple[str, str | None]] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, *_):
                pass

            def do_GET(self):
                outer.answer(self)

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_port}"
        threading.Thread(target=self.http.serve_forever, daemon=True).start()

    def answer(self, handler):
        wanted = handler.headers.get("Range")
        self.asked.append((handler.path, wanted))
        data = self.files.get(handler.path)
        if data is None:
            handler.send_error(404)
            return
        tag = ("W/" if self.weak else "") + f'"{hashlib.md5(data).hexdigest()}"'
        start = 0
        if wanted and handler.headers.get("If-Range") == tag:
            start = int(re.fullmatch(r"bytes=(\d+)-", wanted)[1])
        handler.send_response(206 if start else 200)
        handler.send_header("ETag", tag)
        handler.send_header("Content-Length", str(len(data) - start))
        handler.end_headers()
        handler.wfile.write(data[start : None if self.cut_after is None else start + self.cut_after])


@pytest.fixture
def server():
    server = Server()
    yield server
    server.http.shutdown()
    server.http.server_close()


CONTENT = b'{"context": "%s", "answer": 1}\n' % (b"a" * 970) * 3000  # 3 MB: several pieces


@pytest.fixture
def card(tmp_path, monkeypatch, server):
    """A function that writes the card of a dataset 'infinitebench' with one file of the server."""
    folder = tmp_path / "cards"
    folder.mkdir()
    monkeypatch.setattr(cards, "data_folder", lambda _: folder)
    monkeypatch.setattr(fetching, "data_folder", lambda _: folder)

    def write(path="passkey.jsonl", sha256=None, url=None, more="", unpack=False):
        digest = f'sha256 = "{sha256}"\n' if sha256 else ""
        text = (
            'name = "infinitebench"\ntitle = "t"\ncitation = "c"\nlicence = "l"\n' + more + "[[files]]\n"
            f'path = "{path}"\nurl = "{url or server.url + "/" + path}"\n{digest}unpack = {str(unpack).lower()}\n'
        )
        (folder / "infinitebench.toml").write_text(text)

    return write


def test_a_dataset_is_fetched_checked_and_kept(card, server):
    server.files["/passkey.jsonl"] = CONTENT
    card(sha256=hashlib.sha256(CONTENT).hexdigest())
    assert find_dataset("infinitebench") is None
    with pytest.raises(DataError, match="get it with: emcog datasets fetch infinitebench"):
        dataset_path("infinitebench")
    told, come = [], []
    folder = fetch_dataset("infinitebench", told.append, lambda *progress: come.append(progress))
    assert come[-1] == ("passkey.jsonl", len(CONTENT), len(CONTENT))
    assert len(come) > 1
    assert told == [f"fetching {server.url}/passkey.jsonl"]
    assert (folder / "passkey.jsonl").read_bytes() == CONTENT
    assert dataset_path("infinitebench") == folder
    assert fetch_dataset("infinitebench") == folder
    assert len(server.asked) == 1  # the second time, nothing is asked for
    assert len(load_dataset("infinitebench").tables["passkey"]) == 3000


def test_what_was_cut_off_goes_on_where_it_stopped(card, server):
    server.files["/passkey.jsonl"] = CONTENT
    server.cut_after = 1_500_000
    card(sha256=hashlib.sha256(CONTENT).hexdigest())
    with pytest.raises(DataError, match=r"try again \(what has come is kept\)"):
        fetch_dataset("infinitebench")
    assert find_dataset("infinitebench") is None
    server.cut_after = None
    folder = fetch_dataset("infinitebench")
    assert (folder / "passkey.jsonl").read_bytes() == CONTENT
    start = int(re.fullmatch(r"bytes=(\d+)-", server.asked[-1][1])[1])
    assert 0 < start <= 1_500_000
    assert sorted(path.name for path in folder.iterdir()) == ["emcog-fetched.json", "passkey.jsonl"]


@pytest.mark.parametrize("weak", [False, True])
def test_a_file_that_changed_meanwhile_is_fetched_from_its_beginning(card, server, weak):
    server.weak = weak
    server.files["/passkey.jsonl"] = CONTENT
    server.cut_after = 1_500_000
    card()
    with pytest.raises(DataError):
        fetch_dataset("infinitebench")
    changed = CONTENT.replace(b"a", b"b")
    server.files["/passkey.jsonl"], server.cut_after = changed, None
    assert (fetch_dataset("infinitebench") / "passkey.jsonl").read_bytes() == changed


def test_the_wrong_content_is_refused(card, server):
    server.files["/passkey.jsonl"] = b"not the file"
    card(sha256=hashlib.sha256(CONTENT).hexdigest())
    with pytest.raises(DataError, match="not the file that the card describes"):
        fetch_dataset("infinitebench")
    assert find_dataset("infinitebench") is None
    server.files["/passkey.jsonl"] = CONTENT
    assert (fetch_dataset("infinitebench") / "passkey.jsonl").read_bytes() == CONTENT


def test_an_unknown_checksum_is_noted_and_checked_from_then_on(card, server):
    server.files["/passkey.jsonl"] = b'{"a": 1}\n'
    card()
    folder = fetch_dataset("infinitebench")
    noted = json.loads((folder / "emcog-fetched.json").read_text())
    assert noted == {"passkey.jsonl": hashlib.sha256(b'{"a": 1}\n').hexdigest()}
    (folder / "passkey.jsonl").write_bytes(b"damaged")  # fetched again, because it is not what it was
    fetch_dataset("infinitebench")
    assert (folder / "passkey.jsonl").read_bytes() == b'{"a": 1}\n'
    (folder / "passkey.jsonl").unlink()
    server.files["/passkey.jsonl"] = b"something else"
    with pytest.raises(DataError, match="not the file"):
        fetch_dataset("infinitebench")


def test_an_archive_is_unpacked(card, server):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("data/qasper.jsonl", '{"input": "q"}\n')
    server.files["/data.zip"] = packed.getvalue()
    card("data.zip", unpack=True)
    folder = fetch_dataset("infinitebench")
    assert (folder / "data" / "qasper.jsonl").is_file()
    assert load_dataset("infinitebench").tables["qasper"]["input"].tolist() == ["q"]


def test_a_zenodo_record_says_which_files_it_has(card, server, monkeypatch):
    data = b'{"a": 1}\n'
    server.files["/passkey.jsonl"] = server.files["/files/x.jsonl"] = data
    checksum = f"md5:{hashlib.md5(data).hexdigest()}"
    record = {"files": [{"key": "x.jsonl", "links": {"self": f"{server.url}/files/x.jsonl"}, "checksum": checksum}]}
    server.files["/records/7"] = json.dumps(record).encode()
    monkeypatch.setattr(fetching, "ZENODO_API", server.url)
    card(more="zenodo = 7\n")
    folder = fetch_dataset("infinitebench")
    assert (folder / "x.jsonl").read_bytes() == data
    record["files"][0]["checksum"] = "md5:" + "0" * 32
    server.files["/records/7"] = json.dumps(record).encode()
    with pytest.raises(DataError, match="not the file"):
        fetch_dataset("infinitebench")


def test_no_connection_is_said_honestly(card):
    card(url="http://127.0.0.1:9/passkey.jsonl")  # nobody listens there
    with pytest.raises(DataError, match=r"cannot reach 127.0.0.1 \(no connection\?\) for http.*EMCOG_DATA") as error:
        fetch_dataset("infinitebench")
    assert "\n" not in str(error.value)


def test_a_missing_file_is_said(card, server):
    card()
    with pytest.raises(DataError, match=r"/passkey.jsonl: the server answers 404"):
        fetch_dataset("infinitebench")


def test_what_must_be_done_by_hand_is_said():
    with pytest.raises(DataError, match=r"films cannot be downloaded by a program: its arrays .* pickles"):
        fetch_dataset("films")
    with pytest.raises(DataError, match=r"booksort is not here: its page .* log in"):
        dataset_path("booksort")


def test_a_folder_of_ones_own_comes_first(card, server, tmp_path, monkeypatch):
    card()
    own = tmp_path / "mine" / "infinitebench"
    own.mkdir(parents=True)
    (own / "passkey.jsonl").write_text('{"a": 1}\n')
    monkeypatch.setenv("EMCOG_DATA", str(tmp_path / "mine"))
    assert fetch_dataset("infinitebench") == dataset_path("infinitebench") == own
    assert server.asked == []


def test_unknown_datasets_are_answered_with_the_list():
    with pytest.raises(OptionError, match=r"unknown dataset 'shrelock' \(did you mean 'sherlock'\?\)"):
        fetch_dataset("shrelock")
