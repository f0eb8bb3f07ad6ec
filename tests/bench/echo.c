/* The least that a seqpacket server can do: send every datagram back.
 *
 *     echo SOCKET
 *
 * One thread and epoll(7), level-triggered, as rpcd has. Listens at SOCKET until it is killed.
 */
#include <err.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static char buffer[1 << 18];

int main(int argc, char **argv)
{
    if (argc != 2)
        errx(2, "usage: echo SOCKET");
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "%s", argv[1]);
    int listener = socket(AF_UNIX, SOCK_SEQPACKET, 0);
    if (listener < 0 || bind(listener, (void *)&address, sizeof address) || listen(listener, SOMAXCONN))
        err(1, "%s", argv[1]);

    int epoll = epoll_create1(0);
    struct epoll_event event = {.events = EPOLLIN, .data.fd = listener};
    epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &event);
    struct epoll_event ready[64];
    for (;;) {
        int count = epoll_wait(epoll, ready, 64, -1);
        for (int i = 0; i < count; i++) {
            int connection = ready[i].data.fd;
            if (connection == listener) {
                event.data.fd = accept(listener, NULL, NULL);
                if (event.data.fd >= 0)
                    epoll_ctl(epoll, EPOLL_CTL_ADD, event.data.fd, &event);
                continue;
            }
            ssize_t size = recv(connection, buffer, sizeof buffer, MSG_DONTWAIT);
            if (size <= 0)
                close(connection);
            else
                send(connection, buffer, size, MSG_DONTWAIT | MSG_NOSIGNAL);
        }
    }
}
