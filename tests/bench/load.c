/* Ask a seqpacket server as fast as it answers, from so many connections, each with one request under way.
 *
 *     load SOCKET CONNECTIONS SECONDS <MESSAGES
 *
 * MESSAGES are datagrams, one a line. Connection i of n sends the lines i, i + n, i + 2n, … in turn, round and round.
 * Says as JSON how many calls were answered in how many seconds, the median and the 99th percentile of their times in
 * microseconds, and how many replies were JSON-RPC errors. The first tenth of the time is not counted.
 */
#define _GNU_SOURCE
#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

enum { MESSAGES = 4096, SAMPLES = 1 << 22, DATAGRAM = 1 << 18 };

static struct { char *data; size_t size; } messages[MESSAGES];
static size_t message_count;
static float samples[SAMPLES];
static size_t sample_count, errors;
static char reply[DATAGRAM];

struct connection { int socket; size_t next; double sent; };

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec + time.tv_nsec * 1e-9;
}

static void read_messages(void)
{
    size_t room = 0;
    ssize_t size;
    for (char *line = NULL; message_count < MESSAGES && (size = getline(&line, &room, stdin)) > 0; line = NULL) {
        messages[message_count].data = line;
        messages[message_count++].size = size - (line[size - 1] == '\n');
        room = 0;
    }
    if (!message_count)
        errx(2, "no messages on standard input");
}

static int connect_to(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    int socket_ = socket(AF_UNIX, SOCK_SEQPACKET, 0);
    if (socket_ < 0 || connect(socket_, (void *)&address, sizeof address))
        err(1, "%s", path);
    return socket_;
}

static void ask(struct connection *connection, size_t step)
{
    connection->sent = now();
    if (send(connection->socket, messages[connection->next].data, messages[connection->next].size, 0) < 0)
        err(1, "send");
    connection->next = (connection->next + step) % message_count;
}

static void hear(struct connection *connection, double counted_from)
{
    ssize_t size = recv(connection->socket, reply, sizeof reply, 0);
    if (size <= 0)
        errx(1, "the server ended a connection");
    double time = now();
    if (memmem(reply, size, "\"error\":{", 9)) {
        if (!errors++)
            warnx("%.*s", (int)size, reply);
    }
    if (time >= counted_from && sample_count < SAMPLES)
        samples[sample_count++] = (time - connection->sent) * 1e6;
}

static int ascending(const void *one, const void *other)
{
    float a = *(const float *)one, b = *(const float *)other;
    return (a > b) - (a < b);
}

int main(int argc, char **argv)
{
    if (argc != 4)
        errx(2, "usage: load SOCKET CONNECTIONS SECONDS <MESSAGES");
    size_t count = atoi(argv[2]);
    double seconds = atof(argv[3]);
    read_messages();
    struct connection *connections = calloc(count, sizeof *connections);
    for (size_t i = 0; i < count; i++)
        connections[i] = (struct connection){connect_to(argv[1]), i % message_count, 0};

    double start = now(), counted_from = start + seconds / 10, end = start + seconds;
    if (count == 1) { /* without epoll: its two system calls would be most of what is measured */
        while (now() < end) {
            ask(connections, 1);
            hear(connections, counted_from);
        }
    } else {
        int epoll = epoll_create1(0);
        for (size_t i = 0; i < count; i++) {
            struct epoll_event event = {.events = EPOLLIN, .data.ptr = &connections[i]};
            epoll_ctl(epoll, EPOLL_CTL_ADD, connections[i].socket, &event);
            ask(&connections[i], count);
        }
        struct epoll_event ready[64];
        for (size_t waiting = count; waiting;) {
            int answered = epoll_wait(epoll, ready, 64, 30000);
            if (answered <= 0)
                errx(1, "no answer within 30 seconds");
            for (int i = 0; i < answered; i++) {
                hear(ready[i].data.ptr, counted_from);
                if (now() < end)
                    ask(ready[i].data.ptr, count);
                else
                    waiting--;
            }
        }
    }
    double measured = now() - counted_from;
    if (!sample_count)
        errx(1, "nothing was answered in time");
    qsort(samples, sample_count, sizeof *samples, ascending);
    printf("{\"calls\": %zu, \"seconds\": %.6f, \"p50\": %.2f, \"p99\": %.2f, \"errors\": %zu}\n", sample_count, measured,
           samples[sample_count / 2], samples[sample_count * 99 / 100], errors);
    return 0;
}
