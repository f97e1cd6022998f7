"""Downloads, against a server on this machine: whole, cut off, changed, of the wrong content, absent."""

import errno
import hashlib
import io
import json
import os
import re
import threading
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from emcog.errors import DataError, OptionError, StorageError
from emcog.human import load_dataset
from emcog.human.datasets import cards, dataset_path, downloading, fetch_dataset, fetching, find_dataset, unpacking


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


def packed(**members):
    """A zip archive; names are given with __ for /."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, content in members.items():
            archive.writestr(name.replace("__", "/"), content)
    return out.getvalue()


def test_an_archive_that_was_half_unpacked_is_unpacked_again(card, server):
    members = {"data__a": "one " * 1000, "data__b": "two " * 1000, "c": "three"}
    server.files["/data.zip"] = packed(**members)
    card("data.zip", unpack=True)
    folder = fetch_dataset("infinitebench")
    (folder / "data" / "a").write_text("one")  # as a process leaves it that unpacks in place and is killed
    (folder / "c").unlink()
    untouched = (folder / "data" / "b").stat().st_ino
    assert fetch_dataset("infinitebench") == folder
    for name, content in members.items():
        assert (folder / name.replace("__", "/")).read_text() == content
    inode = (folder / "data" / "b").stat().st_ino
    fetch_dataset("infinitebench")  # nothing is missing now, and nothing is unpacked
    assert (folder / "data" / "b").stat().st_ino == inode != untouched
    assert sorted(path.name for path in folder.iterdir()) == ["c", "data", "data.zip", "emcog-fetched.json"]
    assert len(server.asked) == 1


def test_a_kill_while_an_archive_is_unpacked_leaves_whole_members_only(card, server, monkeypatch):
    members = {name: name * 300_000 for name in "abcdef"}
    server.files["/data.zip"] = packed(**members)
    card("data.zip", unpack=True)
    folder = fetching.cache_folder() / "infinitebench"
    for call in ("copyfileobj", "replace"):
        left = [3]
        module = {"copyfileobj": unpacking.shutil, "replace": unpacking.os}[call]
        real = getattr(module, call)

        def killed(*given, real=real, left=left):
            left[0] -= 1
            if left[0] < 0:
                raise KeyboardInterrupt
            return real(*given)

        monkeypatch.setattr(module, call, killed)
        with pytest.raises(KeyboardInterrupt):
            fetch_dataset("infinitebench")
        monkeypatch.setattr(module, call, real)
        for path in folder.glob("?"):
            assert path.read_text() == members[path.name]
    assert len(list(folder.glob("?"))) == 3
    assert find_dataset("infinitebench") is None
    fetch_dataset("infinitebench")
    assert {path.name: path.read_text() for path in folder.glob("?")} == members


@pytest.fixture
def zenodo(card, server, monkeypatch):
    """A function that has the dataset's record answered with these bytes, or with a record of these files."""
    monkeypatch.setattr(fetching, "ZENODO_API", server.url)
    card("given.txt", more="zenodo = 7\n")
    server.files["/given.txt"] = b"given"

    def answer(content=None, **files):
        listed = []
        for name, data in files.items():
            server.files[f"/files/{name}"] = data
            checksum = f"md5:{hashlib.md5(data).hexdigest()}"
            listed.append({"key": name, "links": {"self": f"{server.url}/files/{name}"}, "checksum": checksum})
        server.files["/records/7"] = json.dumps({"files": listed}).encode() if content is None else content
        return listed

    return answer


@pytest.mark.parametrize("key", ["../../evil.txt", "/tmp/evil.txt", "a/../../evil.txt", "", ".", "..", "a//b", "a\0b",
                                 "\ud800", 7, None])  # fmt: skip
def test_a_record_names_no_file_outside_the_datasets_folder(key, zenodo, server, tmp_path):
    listed = zenodo(x=b"gotcha")
    listed[0]["key"] = key
    zenodo(json.dumps({"files": listed}).encode())
    before = {path for path in tmp_path.rglob("*") if path.is_file()}
    with pytest.raises(DataError) as caught:
        fetch_dataset("infinitebench")
    assert "\n" not in str(caught.value)
    assert not isinstance(key, str) or "is no place in the dataset's folder" in str(caught.value)
    assert {path for path in tmp_path.rglob("*") if path.is_file()} == before
    assert [path for path, _ in server.asked] == ["/records/7"]  # nothing was asked for before all was looked at


OUTSIDE = ["../up.txt", "a/../../../up.txt", "/ABSOLUTE.txt", "..", "a//../b"]


@pytest.mark.parametrize("name", OUTSIDE)
def test_archives_do_not_leave_their_folder(name, card, server, tmp_path):
    name = name.replace("/ABSOLUTE", str(tmp_path / "absolute"))
    server.files["/data.zip"] = packed(before="x", **{name: "x"})
    assert zipfile.ZipFile(io.BytesIO(server.files["/data.zip"])).namelist() == ["before", name]  # it does name that
    card("data.zip", unpack=True)
    there = {path for path in tmp_path.rglob("*") if path.is_file()}
    with pytest.raises(DataError, match="which is no place in the dataset's folder") as caught:
        fetch_dataset("infinitebench")
    assert "\n" not in str(caught.value)
    new = {path for path in tmp_path.rglob("*") if path.is_file()} - there
    assert [path.name for path in new] == ["data.zip"]


def test_a_link_in_an_archive_is_unpacked_as_a_file(card, server, tmp_path):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        link = zipfile.ZipInfo("link")
        link.external_attr = 0o120777 << 16
        archive.writestr(link, str(tmp_path / "outside"))
        archive.writestr("link/through.txt", "x")
    (tmp_path / "outside").mkdir()
    server.files["/data.zip"] = out.getvalue()
    card("data.zip", unpack=True)
    with pytest.raises(StorageError) as caught:  # a file cannot be a folder
        fetch_dataset("infinitebench")
    assert "\n" not in str(caught.value)
    folder = fetching.cache_folder() / "infinitebench"
    assert (folder / "link").read_text() == str(tmp_path / "outside")
    assert not any(path.is_symlink() for path in folder.rglob("*")) and not list((tmp_path / "outside").iterdir())


ODD = {
    "a page to log in": b"<html>log in to the hotel's wifi</html>",
    "no text": b"\xff\xfe",
    "nothing": b"",
    "no record": b"[]",
    "no files": b'{"files": []}',
    "files that are none": b'{"files": 3}',
    "a file without a name": b'{"files": [{"id": 1}]}',
    "a file that is none": b'{"files": [null]}',
    "no address": b'{"files": [{"key": "a", "links": {"self": "ftp:a"}, "checksum": "md5:00"}]}',
    "an address that is none": b'{"files": [{"key": "a", "links": {"self": "http://[a/"}, "checksum": "md5:00"}]}',
    "an address that is no text": b'{"files": [{"key": "a", "links": {"self": 3}, "checksum": "md5:00"}]}',
    "a checksum of another kind": b'{"files": [{"key": "a", "links": {"self": "http://a/b"}, "checksum": "x:0"}]}',
    "lists without end": b"[" * 100_000,
}


@pytest.mark.parametrize("content", ODD.values(), ids=ODD)
def test_what_is_no_record_is_one_line(content, zenodo):
    zenodo(content)
    with pytest.raises(DataError, match="what came is no record of files") as caught:
        fetch_dataset("infinitebench")
    assert "\n" not in str(caught.value)
    assert find_dataset("infinitebench") is None


def spoiled_archives():
    good = packed(a="one " * 100, b="two")
    encrypted = bytearray(good)
    for mark, flags in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        encrypted[good.index(mark) + flags] |= 1
    method = bytearray(good)
    for mark, place in ((b"PK\x03\x04", 8), (b"PK\x01\x02", 10)):
        method[good.index(mark) + place] = 99
    return {
        "no archive": b"<html>no</html>", "nothing": b"", "cut short": good[:-30], "encrypted": bytes(encrypted),
        "packed in an unknown way": bytes(method), "damaged": good.replace(b"one one", b"one 0ne", 1),
        "its beginning is gone": good[50:],
    }  # fmt: skip


@pytest.mark.parametrize("name", spoiled_archives())
def test_what_is_no_archive_is_one_line_and_fetched_again(name, card, server):
    server.files["/data.zip"] = spoiled_archives()[name]
    card("data.zip", unpack=True)
    with pytest.raises(DataError, match=r"data.zip is no zip archive that can be unpacked") as caught:
        fetch_dataset("infinitebench")
    assert "\n" not in str(caught.value)
    assert list((fetching.cache_folder() / "infinitebench").iterdir()) == []
    server.files["/data.zip"] = packed(a="one")
    assert (fetch_dataset("infinitebench") / "a").read_text() == "one"


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EACCES, errno.EROFS, errno.EDQUOT])
@pytest.mark.parametrize("where", ["download", "unpack"])
def test_a_disk_that_cannot_be_written_to_is_no_missing_connection(number, where, card, server, monkeypatch):
    def full(*_):
        raise OSError(number, os.strerror(number))

    server.files["/data.zip"] = packed(a="one")
    card("data.zip", unpack=True)
    monkeypatch.setattr(*{"download": (downloading, "open"), "unpack": (unpacking.shutil, "copyfileobj")}[where], full,
                        raising=False)  # fmt: skip
    with pytest.raises(StorageError, match=f"cannot write to .*infinitebench: {os.strerror(number)}") as caught:
        fetch_dataset("infinitebench")
    assert "\n" not in str(caught.value) and "connection" not in str(caught.value)
    monkeypatch.undo()


def test_a_cache_below_a_file_is_no_missing_connection(card, server, tmp_path, monkeypatch):
    server.files["/passkey.jsonl"] = CONTENT
    card()
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("EMCOG_CACHE", str(tmp_path / "file" / "cache"))
    with pytest.raises(StorageError, match=r"cannot write to .*file is a file; choose another"):
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
