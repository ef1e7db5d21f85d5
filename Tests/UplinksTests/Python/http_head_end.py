"""A head-end over HTTP that knows nothing of the gateway.

http_head_end.py [CERTIFICATE KEY AUTHORITY]: listens on a free port of loopback, with TLS and a required client certificate when files
are given, and prints `listening PORT`. Each line on standard input is a JSON object that says how one of the next POSTs is answered:
{"status": 503, "headers": {"Retry-After": "1"}, "text": "why", "keep": true, "cut": true, "hang": true}. `keep` stores the message whatever the status,
`cut` breaks the connection off instead of answering, `hang` says nothing. Otherwise the answer is 204. `"path"` binds an answer to requests of that path.
Each request is printed as a JSON object on one line; `duplicate` says that its key was stored before.
"""

import gzip
import json
import ssl
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

answers = []
stored = {}
lock = threading.Lock()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def receive(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        sent = len(body)
        if self.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        key = self.headers.get("Idempotency-Key")
        with lock:
            fitting = [a for a in answers if a.get("path", self.path if self.command == "POST" else None) == self.path]
            answer = fitting[0] if fitting else {"status": 204}
            if fitting:
                answers.remove(answer)
            duplicate = key is not None and key in stored
            if answer.get("keep") or 200 <= answer["status"] < 300:
                if key is not None:
                    stored.setdefault(key, body)
            peer = self.connection.getpeercert() if isinstance(self.connection, ssl.SSLSocket) else None
            print(
                json.dumps(
                    {
                        "method": self.command, "path": self.path, "key": key, "duplicate": duplicate,
                        "type": self.headers.get("Content-Type"), "encoding": self.headers.get("Content-Encoding"),
                        "authorization": self.headers.get("Authorization"), "gateway": self.headers.get("Candela-Gateway"),
                        "content": self.headers.get("Candela-Content"), "sent": sent, "status": answer["status"],
                        "body": body.decode("utf-8", "replace"),
                        "peer": peer and dict(x[0] for x in peer["subject"])["commonName"],
                    },
                    sort_keys=True,
                ),
                flush=True,
            )
        if answer.get("hang"):
            threading.Event().wait(60)
            return
        if answer.get("cut"):
            self.close_connection = True
            self.connection.close()
            return
        text = answer.get("text", "").encode()
        self.send_response(answer["status"])
        for name, value in answer.get("headers", {}).items():
            self.send_header(name, value)
        if answer["status"] != 204:
            self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        if answer["status"] != 204:
            self.wfile.write(text)

    do_POST = do_PUT = receive


def commands():
    for line in sys.stdin:
        with lock:
            answers.append(json.loads(line))
            print("noted", flush=True)


server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
server.daemon_threads = True
if len(sys.argv) > 1:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(sys.argv[1], sys.argv[2])
    context.load_verify_locations(sys.argv[3])
    context.verify_mode = ssl.CERT_REQUIRED
    server.socket = context.wrap_socket(server.socket, server_side=True)
print("listening", server.server_address[1], flush=True)
threading.Thread(target=commands, daemon=True).start()
server.serve_forever()
