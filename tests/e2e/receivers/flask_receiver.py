"""The reference's Python receiver: Flask, comparing the HMAC of the raw body. Prints its port, then each verdict."""

import hashlib
import hmac
import os
import sys

from flask import Flask, Response, request
from werkzeug.serving import make_server

app = Flask(__name__)


@app.post("/webhooks/exepron")
def handle() -> Response:
    secret = os.environ["WEBHOOK_SECRET"]
    expected = hmac.new(secret.encode(), request.get_data(), hashlib.sha256).hexdigest()
    good = request.headers.get("X-Exepron-Signature") == expected and "event" in request.get_json()
    print("good" if good else "bad", flush=True)
    return Response(status=200 if good else 401)


server = make_server("127.0.0.1", 0, app)
print(server.server_port, flush=True)
sys.stderr = open(os.devnull, "w")  # noqa: SIM115  its access log is not part of the conversation
server.serve_forever()
