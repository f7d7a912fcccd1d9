"""What stands between an SDK and Weir, and takes an answer away."""

import contextlib
import socket
import threading


class Between:
    """Hands connections on to a server; when told to, kills the server while it answers a POST.

    What was posted is stored then, and the SDK does not know. Until the server is there again,
    connections are refused, as by a machine that is there when its service is not.
    """

    def __init__(self, server):
        self.server, self.cut = server, threading.Event()
        self.is_to_cut, self.once = False, threading.Lock()
        self.port, self.connections = 0, []
        self.open()
        self.address = f"http://127.0.0.1:{self.port}"

    def open(self):
        self.listener = socket.create_server(("127.0.0.1", self.port))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, args=[self.listener], daemon=True).start()

    def close(self):
        # Only this wakes who is waiting in accept.
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        for connection in self.connections:
            hang_up(connection)

    def kill_during_an_answer(self, timeout_s):
        self.is_to_cut = True
        assert self.cut.wait(timeout_s), "nothing was posted"

    def accept(self, listener):
        with contextlib.suppress(OSError):
            while True:
                client, _ = listener.accept()
                host, port = self.server.listen.split(":")
                connection = Connection(self, client, socket.create_connection((host, int(port))))
                self.connections.append(connection)

    def answers(self, connection):
        """Whether an answer may go on to its client."""
        with self.once:
            if not (self.is_to_cut and connection.is_post):
                return True
            self.is_to_cut = False
        self.server.kill()
        self.close()
        self.cut.set()
        return False


class Connection:
    """Two threads that carry bytes from either side to the other."""

    def __init__(self, between, client, upstream):
        self.between, self.client, self.upstream, self.is_post = between, client, upstream, False
        threading.Thread(target=self.carry, args=[client, upstream, self.asks], daemon=True).start()
        threading.Thread(target=self.carry, args=[upstream, client, self.answers], daemon=True).start()

    def asks(self, data):
        # SDKs send head and body apart, and the head at once.
        if data.startswith((b"GET ", b"POST ")):
            self.is_post = data.startswith(b"POST ")
        return True

    def answers(self, _):
        return self.between.answers(self)

    def carry(self, source, target, may_go_on):
        with contextlib.suppress(OSError):
            while (data := source.recv(65536)) and may_go_on(data):
                target.sendall(data)
        hang_up(self)


def hang_up(connection):
    for side in (connection.client, connection.upstream):
        with contextlib.suppress(OSError):
            side.shutdown(socket.SHUT_RDWR)
        side.close()
