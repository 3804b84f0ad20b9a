# SPDX-License-Identifier: Apache-2.0
"""An HTTP proxy that knows CONNECT and nothing else, and a TLS server in front of a plain one.

    with tunnel.Proxy({"s3.films.test:443": ("127.0.0.1", 9000)}) as proxy:   # names that are known to it alone
        ... HTTPS_PROXY=proxy.url ...
        proxy.seen                                                            # "HOST:PORT" of each CONNECT
"""
import asyncio
import socket
import ssl
import threading


def pour(source, sink):
    try:
        while data := source.recv(65536):
            sink.sendall(data)
    except OSError:
        pass
    for end in (source, sink):
        try:
            end.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass


def join(one, other):
    threading.Thread(target=pour, args=(one, other), daemon=True).start()
    pour(other, one)
    one.close()
    other.close()


class Listener:
    def __init__(self):
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def _accept(self):
        while True:
            try:
                client = self.socket.accept()[0]
            except OSError:
                return
            threading.Thread(target=self._guard, args=(client,), daemon=True).start()

    def _guard(self, client):
        try:
            self.serve(client)
        except OSError:
            client.close()

    def serve(self, client):
        raise NotImplementedError


class Proxy(Listener):
    def __init__(self, names=()):
        self.names, self.seen, self.refused = dict(names), [], []
        super().__init__()
        self.url = "http://127.0.0.1:%d" % self.port

    def serve(self, client):
        head = b""
        while b"\r\n\r\n" not in head:
            data = client.recv(1)  # what follows the head is not ours
            if not data:
                return client.close()
            head += data
        method, target = head.split(b"\r\n")[0].decode("latin-1").split(" ")[:2]
        if method != "CONNECT":
            self.refused.append("%s %s" % (method, target))
            client.sendall(b"HTTP/1.1 405 Only CONNECT\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            return client.close()
        self.seen.append(target)
        host, port = target.rsplit(":", 1)
        try:
            server = socket.create_connection(self.names.get(target, (host, int(port))), 10)
        except OSError:
            client.sendall(b"HTTP/1.1 502 Not there\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            return client.close()
        client.sendall(b"HTTP/1.1 200 Connected\r\n\r\n")
        return join(client, server)


class TlsFront:
    """On a loop of its own: a TLS socket of Python is not for two threads."""

    def __init__(self, behind, certificate, key):
        self.behind = behind
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(certificate, key)
        self.loop = asyncio.new_event_loop()
        threading.Thread(target=self.loop.run_forever, daemon=True).start()
        self.server = asyncio.run_coroutine_threadsafe(
            asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=self.context), self.loop).result(10)
        self.port = self.server.sockets[0].getsockname()[1]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.loop.call_soon_threadsafe(self.server.close)

    async def _serve(self, reader, writer):
        back_reader, back_writer = await asyncio.open_connection("127.0.0.1", self.behind)
        await asyncio.gather(self._pour(reader, back_writer), self._pour(back_reader, writer))

    @staticmethod
    async def _pour(reader, writer):
        try:
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()
        except OSError:
            pass
        writer.close()
