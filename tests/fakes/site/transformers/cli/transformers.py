"""`transformers serve`, with the habits of the real one that a gateway has to mend, and no model.

What it says is in `words.json` of the model's folder, how it behaves in `habits.json`:
`load` seconds to load in, `fails` instead of loading, `crashes` at a request or answers it with
`status`, `dies_after` words, `slow` seconds between two words, `deaf` to SIGTERM. Each request is a
line in `asked.jsonl` there, `started.jsonl` has a line for each start, and `left.jsonl` one for
each client that left.
"""

import json
import os
import signal
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

KNOWN = {
    "model",
    "stream",
    "temperature",
    "top_p",
    "seed",
    "max_tokens",
    "stop",
    "generation_config",
}
CHAT = KNOWN | {"messages", "tools", "logit_bias", "chat_template_kwargs", "stream_options", "n"}
COMPLETION = KNOWN | {"prompt", "suffix", "stream_options", "n"}


def read(name, default):
    file = Path(name)
    return json.loads(file.read_text()) if file.is_file() else default


def note(name, facts):
    with open(name, "a") as file:
        file.write(json.dumps(facts) + "\n")


def say(line):
    sys.stderr.write(line + "\n")


HABITS = read("habits.json", {})
WORDS = read("words.json", ["Hello", " from", " a", " child."])
TURN = threading.Lock()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        note("asked.jsonl", {"path": self.path, **body})
        if HABITS.get("crashes"):
            os._exit(9)
        if HABITS.get("status"):
            return self.whole(HABITS["status"], "Internal Server Error")
        chat = self.path == "/v1/chat/completions"
        if unknown := set(body) - (CHAT if chat else COMPLETION):
            return self.whole(422, {"detail": f"Unexpected fields in the request: {unknown}"})
        if body["model"] != ".":
            return self.whole(
                400, {"detail": f"Server is pinned to '.'; requested '{body['model']}'."}
            )
        if chat and not Path("chat_template.jinja").is_file():
            say("ValueError: no chat_template for: " + json.dumps(body))
            return self.whole(500, "Internal Server Error")
        with TURN:
            self.stream(body, chat)

    def stream(self, body, chat):
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        count = 0
        try:
            if chat:
                self.chunk({"delta": {"role": "assistant"}}, chat)
            for word in chosen(body):
                if count == HABITS.get("dies_after"):
                    os._exit(9)
                if word == "ERROR":
                    return self.piece(b'data: {"error": "out of memory"}\n\n')
                self.chunk({"delta": {"content": word}} if chat else {"text": word}, chat)
                count += 1
                if body.get("stop") and any(stop in word for stop in body["stop"]):
                    break
                time.sleep(HABITS.get("slow", 0))
        except OSError:
            return note("left.jsonl", {"after": count})
        cut = count >= limit(body)
        usage = {"prompt_tokens": 7, "completion_tokens": count, "total_tokens": 7 + count}
        last = {"delta": {}} if chat else {"text": ""}
        self.chunk({**last, "finish_reason": "length" if cut else "stop"}, chat, usage=usage)
        self.piece(b"")

    def chunk(self, choice, chat, **more):
        kind = "chat.completion.chunk" if chat else "text_completion"
        body = {"id": "1", "object": kind, "created": 1, "model": ".@main"}
        body |= {"choices": [{"index": 0, **choice}], **more}
        self.piece(f"data: {json.dumps(body)}\n\n".encode())

    def piece(self, data):
        self.wfile.write(b"%x\r\n%b\r\n" % (len(data), data))

    def whole(self, status, body):
        data = body.encode() if isinstance(body, str) else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_):
        say('INFO:     127.0.0.1:1 - "POST"')


def chosen(body):
    """Greedy as its own configuration says, unless a generation_config says otherwise."""
    config = json.loads(body.get("generation_config", "{}"))
    words = [*WORDS, " Sampled."] if config.get("do_sample") else WORDS
    return words[: limit(body)]


def limit(body):
    config = json.loads(body.get("generation_config", "{}"))
    return body.get("max_tokens") or config.get("max_new_tokens", 1024)


def main():
    note("started.jsonl", {"pid": os.getpid(), "argv": sys.argv[1:], "environ": dict(os.environ)})
    if HABITS.get("deaf"):
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    say("Loading weights:   0%|      | 0/2\rLoading weights: 100%|##| 2/2")
    time.sleep(HABITS.get("load", 0))
    if HABITS.get("fails"):
        raise OSError(HABITS["fails"])
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    say(
        f"INFO:     Uvicorn running on http://127.0.0.1:{server.server_port} (Press CTRL+C to quit)"
    )
    server.serve_forever()
