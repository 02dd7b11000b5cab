"""A REST service that answers only those who come with an access token of an issuer for it. See README.md."""

import sys

import jwt
from flask import Flask, jsonify, request
from werkzeug.serving import make_server

issuer = sys.argv[1]
app = Flask(__name__)
server = make_server("127.0.0.1", 0, app, threaded=True)
audience = f"http://127.0.0.1:{server.server_port}/v1"
keys = jwt.PyJWKClient(f"{issuer}/jwks", cache_keys=False, cache_jwk_set=False)
seen = []


@app.before_request
def authorize():
    if request.path in ("/openapi.json", "/seen"):
        return None
    kind, _, token = request.headers.get("authorization", "").partition(" ")
    try:
        if kind != "Bearer":
            raise jwt.InvalidTokenError("no token")
        key = keys.get_signing_key_from_jwt(token)
        request.claims = jwt.decode(token, key, algorithms=["RS256", "ES256"], audience=audience, issuer=issuer)
    except jwt.PyJWTError as error:
        return jsonify(error=str(error)), 401
    seen.append({"path": request.full_path, "subject": request.claims["sub"], "actor": request.claims.get("act")})
    return None


@app.get("/v1/orders/<order>")
def order(order):
    return jsonify(id=order, customer="jane.roe@example.com", total=42)


@app.post("/v1/orders")
def add():
    return jsonify(id="9", placed=request.get_json()), 201


@app.get("/seen")
def told():
    return jsonify(seen)


@app.get("/openapi.json")
def description():
    text = {"type": "string"}
    answer = {"200": {"description": "The order", "content": {"application/json": {"schema": {"type": "object"}}}}}
    body = {"type": "object", "required": ["item"], "properties": {"item": text, "count": {"type": "integer"}}}
    return jsonify(
        openapi="3.1.0",
        info={"title": "Orders", "version": "1"},
        servers=[{"url": "https://orders.example.com/v1"}],
        paths={
            "/orders/{id}": {
                "get": {
                    "operationId": "getOrder",
                    "parameters": [{"name": "id", "in": "path", "required": True, "schema": text}],
                    "responses": answer,
                }
            },
            "/orders": {
                "post": {
                    "operationId": "addOrder",
                    "requestBody": {"required": True, "content": {"application/json": {"schema": body}}},
                    "responses": answer,
                }
            },
        },
    )


print(f"listening on http://127.0.0.1:{server.server_port}/", flush=True)
server.serve_forever()
