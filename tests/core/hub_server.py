"""Local Hugging Face Hub with enough of its protocol to download and upload repositories."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlsplit


@dataclass
class Repository:
    """Files of a repository, the request that created it, its pinned commit, and faults.

    Attributes:
        revision: Commit id in place of the digest, such as one that is pinned in the code.
        gated: True if the Hub gives its files only to those who have accepted its terms.
        cut_short: File that the Hub ends halfway.
        branch: Branch of the files besides `main`, such as `"refs/pr/1"`.
        pause: Seconds before each megabyte of a file.
    """

    files: dict[str, bytes] = field(default_factory=dict)
    created: dict = field(default_factory=dict)
    revision: str | None = None
    gated: bool = False
    cut_short: str | None = None
    branch: str | None = None
    pause: float = 0.0

    @property
    def sha(self) -> str:
        """Commit id, a digest of the files."""
        listing = json.dumps({path: hashlib.sha1(data).hexdigest() for path, data in self.files.items()})
        return hashlib.sha1(listing.encode()).hexdigest()

    @property
    def commit(self) -> str:
        """Commit id that the Hub tells: the pinned one, if there is one."""
        return self.revision or self.sha


class FakeHub(ThreadingHTTPServer):
    """Server with repositories by `(kind, id)`, of kind `models` or `spaces`, and a log of all requests.

    Large files, by their names, are uploaded by the LFS protocol: a client must switch off Xet.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.repositories: dict[tuple[str, str], Repository] = {}
        self.requests: list[str] = []
        self.resumed: list[tuple[str, int]] = []  # files that a client went on with, and from which byte on
        self.large_files: dict[str, bytes] = {}

    @property
    def endpoint(self) -> str:
        """Address for `HF_ENDPOINT`."""
        return f"http://127.0.0.1:{self.server_port}"

    def add(self, name: str, files: dict[str, bytes], kind: str = "models") -> Repository:
        """Add a repository."""
        return self.repositories.setdefault((kind, name), Repository(files))


@contextmanager
def running():
    """Run a Hub on a free port until the block ends."""
    hub = FakeHub()
    thread = threading.Thread(target=hub.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        hub.shutdown()
        hub.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: FakeHub

    def do_HEAD(self) -> None:
        self._answer()

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def do_PUT(self) -> None:
        self._answer()

    def log_message(self, *_) -> None:
        """Suppress the log on standard error."""

    def _answer(self) -> None:
        path = unquote(urlsplit(self.path).path)
        self.server.requests.append(f"{self.command} {path}")
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if path == "/api/repos/create":
            return self._create(json.loads(body))
        if path == "/api/validate-yaml":
            return self._send(json={"errors": [], "warnings": []})
        if path.endswith(".git/info/lfs/objects/batch"):
            return self._offer_uploads(json.loads(body)["objects"])
        if path.startswith("/lfs/"):
            self.server.large_files[path.removeprefix("/lfs/")] = body
            return self._send()
        api = re.fullmatch(r"/api/(models|spaces)/([^/]+/[^/]+)/(\w+)(?:/(.+))?", path)
        file = re.fullmatch(r"/([^/]+/[^/]+)/resolve/([^/]+)/(.+)", path)
        if not api and not file:
            return self._send(404)
        key = (api[1], api[2]) if api else ("models", file[1])
        repository = self.server.repositories.get(key)
        if repository is None:
            return self._send(404, error="RepoNotFound")
        if repository.gated:
            return self._send(403, error="GatedRepo")
        revision = api[4] if api else file[2]
        if revision is not None and revision not in (
            "main",
            repository.sha,
            repository.revision,
            repository.branch,
        ):
            return self._send(404, error="RevisionNotFound")
        if file:
            return self._file(repository, file[3])
        return getattr(self, f"_{api[3]}")(repository, body)

    def _create(self, request: dict) -> None:
        kind = f"{request.get('type', 'model')}s"
        name = f"{request['organization']}/{request['name']}"
        url = f"{self.server.endpoint}/{'' if kind == 'models' else 'spaces/'}{name}"
        taken = (kind, name) in self.server.repositories
        self.server.add(name, {}, kind).created = request
        self._send(409 if taken else 200, json={"url": url, "id": name, "error": "taken" if taken else None})

    def _file(self, repository: Repository, path: str) -> None:
        data = repository.files.get(path)
        if data is None:
            return self._send(404, error="EntryNotFound", commit=repository.commit)
        etag = hashlib.sha1(data).hexdigest()
        start = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range") or "")
        if start:
            self.server.resumed.append((path, int(start[1])))
            rest = data[int(start[1]) :]
            return self._send(206, data=rest, etag=etag, commit=repository.commit, pause=repository.pause)
        end = len(data) // 2 if path == repository.cut_short else None
        return self._send(data=data, etag=etag, commit=repository.commit, end=end, pause=repository.pause)

    def _revision(self, repository: Repository, _: bytes) -> None:
        siblings = [{"rfilename": path} for path in repository.files]
        self._send(json={"id": "any/any", "sha": repository.commit, "siblings": siblings})

    def _tree(self, repository: Repository, _: bytes) -> None:
        self._send(
            json=[
                {"type": "file", "path": path, "size": len(data), "oid": hashlib.sha1(data).hexdigest()}
                for path, data in repository.files.items()
            ]
        )

    def _duplicate(self, repository: Repository, body: bytes) -> None:
        name = json.loads(body)["repository"]
        self.server.add(name, dict(repository.files), "spaces")
        self._send(json={"url": f"{self.server.endpoint}/spaces/{name}"})

    def _preupload(self, repository: Repository, body: bytes) -> None:
        files = []
        for path in (file["path"] for file in json.loads(body)["files"]):
            is_large = path.endswith((".safetensors", ".zip"))
            data = repository.files.get(path)
            mode = "lfs" if is_large else "regular"
            identifier = None if data is None else _sha256(data) if is_large else _git_blob(data)
            files.append({"path": path, "uploadMode": mode, "shouldIgnore": False, "oid": identifier})
        self._send(json={"files": files})

    def _offer_uploads(self, objects: list[dict]) -> None:
        for item in objects:
            if item["oid"] not in self.server.large_files:
                item["actions"] = {"upload": {"href": f"{self.server.endpoint}/lfs/{item['oid']}"}}
        self._send(json={"transfer": "basic", "objects": objects})

    def _commit(self, repository: Repository, body: bytes) -> None:
        for line in map(json.loads, body.splitlines()):
            if line["key"] == "deletedFile":
                repository.files.pop(line["value"]["path"])
            if line["key"] == "file":
                repository.files[line["value"]["path"]] = base64.b64decode(line["value"]["content"])
            if line["key"] == "lfsFile":
                repository.files[line["value"]["path"]] = self.server.large_files[line["value"]["oid"]]
        url = f"{self.server.endpoint}/any/any/commit/{repository.sha}"
        self._send(json={"success": True, "commitOid": repository.sha, "commitUrl": url, "hookOutput": ""})

    def _send(
        self,
        status: int = 200,
        *,
        json: object = None,
        data: bytes = b"",
        error: str | None = None,
        etag: str | None = None,
        commit: str | None = None,
        end: int | None = None,
        pause: float = 0.0,
    ) -> None:
        data = data if json is None else _dump(json)
        headers = {"Content-Length": len(data), "X-Error-Code": error, "ETag": etag, "X-Repo-Commit": commit}
        self.send_response(status)
        for name, value in headers.items():
            if value is not None:
                self.send_header(name, str(value))
        self.end_headers()
        if self.command != "HEAD":
            try:
                for at in range(0, len(data[:end]), 2**20):
                    time.sleep(pause)
                    self.wfile.write(data[:end][at : at + 2**20])
            except ConnectionError:  # the client has ended its download
                end = 0
            self.close_connection = self.close_connection or end is not None


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _git_blob(data: bytes) -> str:
    """Return the id of a file in Git."""
    return hashlib.sha1(b"blob %d\0%s" % (len(data), data)).hexdigest()


def _dump(value: object) -> bytes:
    return json.dumps(value).encode()
