"""PyPI `httpbin`, a REST service that describes itself at `/spec.json`, for the demo and the tests.

Prints `listening on URL` once it can be reached, on a free port of the loopback interface or on the one given.
"""

import logging
import sys

from httpbin import app
from werkzeug.serving import make_server

logging.getLogger("werkzeug").setLevel(logging.ERROR)
port = int(sys.argv[1]) if len(sys.argv) > 1 else 0
server = make_server("127.0.0.1", port, app, threaded=True)
print(f"listening on http://127.0.0.1:{server.server_port}/", flush=True)
server.serve_forever()
