"""One client's connection: frames out, frames in, no library in between."""
import select
import socket
import struct
import time

import codec

ANSWER_SECONDS = 10
FRAME_BYTES_MAX = 64 << 20
API_VERSIONS = 18
CLOSED = "closed"


class Link:
    """Requests are answered in their order, so one outstanding request is all that is needed. Reopens after a close."""

    def __init__(self, address, client):
        host, _, port = address.rpartition(":")
        self.address, self.client = (host, int(port)), client
        self.socket, self.input, self.correlation = None, b"", 0

    def open(self):
        if self.socket is None:
            self.socket, self.input = socket.create_connection(self.address, ANSWER_SECONDS), b""
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def close(self):
        if self.socket is not None:
            self.socket.close()
            self.socket = None

    def send(self, key, version, is_flexible, body):
        self.open()
        self.correlation += 1
        client = self.client.encode()
        head = struct.pack(">hhih", key, version, self.correlation, len(client)) + client + (b"\0" if is_flexible else b"")
        frame = head + body
        try:
            self.socket.sendall(struct.pack(">i", len(frame)) + frame)
        except OSError:
            pass  # receive() tells

    def receive(self, seconds=ANSWER_SECONDS):
        """The next frame without its length; CLOSED where the broker has hung up; None where there is none in time."""
        deadline = time.monotonic() + seconds
        while True:
            if self.socket is None:
                return CLOSED
            if len(self.input) >= 4:
                size = struct.unpack(">i", self.input[:4])[0]
                if size < 0 or size > FRAME_BYTES_MAX:
                    raise codec.Malformed(f"an answer of {size} bytes")
                if len(self.input) >= 4 + size:
                    frame, self.input = self.input[4 : 4 + size], self.input[4 + size :]
                    return frame
            left = deadline - time.monotonic()
            if not select.select([self.socket], [], [], max(0.0, left))[0]:
                return None
            try:
                got = self.socket.recv(1 << 20)
            except OSError:
                got = b""
            if not got:
                self.close()
                return CLOSED
            self.input += got


def header_bytes(frame, key, is_flexible, correlation):
    """How many bytes the answer's header has, which must be that request's."""
    if len(frame) < 4 or struct.unpack(">i", frame[:4])[0] != correlation:
        raise codec.Malformed("an answer to another request")
    return 5 if is_flexible and key != API_VERSIONS else 4
