"""What asyncio costs: send every datagram back, with one persistent reader for each connection.

python plain_echo.py SOCKET
"""

import asyncio
import socket
import sys


def serve(path: str) -> None:
    """Listen at `path` until killed."""
    loop = asyncio.new_event_loop()
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    listener.bind(path)
    listener.listen(socket.SOMAXCONN)
    listener.setblocking(False)
    room = socket.CMSG_SPACE(12)

    def accept() -> None:
        connection, _ = listener.accept()
        loop.add_reader(connection.fileno(), answer, connection)

    def answer(connection: socket.socket) -> None:
        data, _, _, _ = connection.recvmsg(1 << 18, room, socket.MSG_DONTWAIT | socket.MSG_CMSG_CLOEXEC)
        if data:
            connection.send(data, socket.MSG_DONTWAIT | socket.MSG_NOSIGNAL)
        else:
            loop.remove_reader(connection.fileno())
            connection.close()

    loop.add_reader(listener.fileno(), accept)
    loop.run_forever()


serve(sys.argv[1])
