"""An HTTP server that speaks the part of Elasticsearch's REST API that `helpers.bulk` uses.

For the test of the logs example: _bulk with index actions, as documented, and the product header
that official clients insist on. Documents are kept by index and id. It is no Elasticsearch.
"""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Callable, Optional

#: Sees request number (from 0) and documents; an HTTP status to answer the whole request with, or
#: the ids of the documents to refuse one by one.
Plan = Callable[[int, list[str]], "tuple[Optional[int], set[str]]"]


class BulkServer:
    """Serves on a port of the system's choice while the `with` block runs."""

    def __init__(self, plan: Optional[Plan] = None) -> None:
        self.documents: dict[tuple[str, str], dict[str, Any]] = {}
        self.requests = 0
        self._plan = plan or (lambda number, ids: (None, set()))
        self._lock = threading.Lock()
        owner = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True  # an answer is two writes, and shall not wait 40 ms

            def do_POST(self) -> None:
                owner._handle(self)

            do_PUT = do_POST

            def log_message(self, format: str, *args: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> BulkServer:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def _handle(self, request: BaseHTTPRequestHandler) -> None:
        body = request.rfile.read(int(request.headers["Content-Length"]))
        if request.path.split("?")[0] != "/_bulk":
            self._answer(request, 404, {"error": "only _bulk is here"})
            return
        rows = [json.loads(line) for line in body.splitlines() if line]
        pairs = [(action["index"], document) for action, document in zip(rows[::2], rows[1::2])]
        with self._lock:
            status, refused = self._plan(self.requests, [action["_id"] for action, _ in pairs])
            self.requests += 1
            if status is not None:
                self._answer(request, status, {"error": {"type": "refused"}, "status": status})
                return
            items = [self._index(action, document, refused) for action, document in pairs]
        errors = any("error" in item["index"] for item in items)
        self._answer(request, 200, {"took": 1, "errors": errors, "items": items})

    def _index(
        self, action: dict[str, str], document: dict[str, Any], refused: set[str]
    ) -> dict[str, Any]:
        item: dict[str, Any] = {"_index": action["_index"], "_id": action["_id"]}
        if action["_id"] in refused:
            error = {"type": "es_rejected_execution_exception", "reason": "queue is full"}
            return {"index": {**item, "status": 429, "error": error}}
        key = (action["_index"], action["_id"])
        created = key not in self.documents
        self.documents[key] = document
        return {"index": {**item, "status": 201 if created else 200,
                          "result": "created" if created else "updated"}}  # fmt: skip

    @staticmethod
    def _answer(request: BaseHTTPRequestHandler, status: int, content: dict[str, Any]) -> None:
        text = json.dumps(content).encode()
        request.send_response(status)
        request.send_header("X-Elastic-Product", "Elasticsearch")
        request.send_header("Content-Type", "application/json")
        request.send_header("Content-Length", str(len(text)))
        request.end_headers()
        request.wfile.write(text)
