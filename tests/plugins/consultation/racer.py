"""One of several processes that call the API at the same instant. Prints the status of each call."""

from __future__ import annotations

import json
import sys
import time

from core import config
from core.app import create_app


def main() -> None:
    given = json.loads(sys.stdin.readline())
    app = create_app(config.load({}, data=given["data"], database_url=given["database"], testing=True))
    with app.app_context():
        client = app.test_client()
        headers = {"Authorization": f"Bearer {given['token']}"}
        client.get(given["calls"][0]["path"].rpartition("/")[0], headers=headers)
        print("ready", flush=True)
        start = float(sys.stdin.readline())
        for number, call in enumerate(given["calls"]):
            time.sleep(max(0.0, start + number * 0.15 - time.time()))
            answer = client.open(call["path"], method=call["method"], json=call["body"], headers={**headers, **call.get("headers", {})})
            print(json.dumps({"status": answer.status_code, "body": answer.get_json()}), flush=True)


if __name__ == "__main__":
    main()
