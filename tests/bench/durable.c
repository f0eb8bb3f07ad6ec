/* The least that a durable replacement of a file costs: write 4 KiB, fsync, rename, fsync the directory.
 *
 *     durable DIRECTORY THREADS SECONDS
 *
 * Each thread replaces a file of its own in DIRECTORY. Says the same as load.c.
 */
#define _GNU_SOURCE
#include <err.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { SIZE = 4096, THREADS = 64, SAMPLES = 1 << 18 };

struct thread { pthread_t thread; int number; size_t count; float samples[SAMPLES]; };

static struct thread threads[THREADS];
static float all[THREADS * SAMPLES];
static const char *directory;
static double counted_from, end;

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec + time.tv_nsec * 1e-9;
}

static void *replace(void *argument)
{
    struct thread *self = argument;
    char content[SIZE], temporary[32], name[32];
    memset(content, 'x', sizeof content);
    snprintf(name, sizeof name, "file-%d", self->number);
    snprintf(temporary, sizeof temporary, ".file-%d~", self->number);
    int folder = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder < 0)
        err(1, "%s", directory);
    for (double start; (start = now()) < end;) {
        int file = openat(folder, temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        if (file < 0 || write(file, content, SIZE) != SIZE || fsync(file) || close(file)
            || renameat(folder, temporary, folder, name) || fsync(folder))
            err(1, "%s/%s", directory, name);
        double time = now();
        if (time >= counted_from && self->count < SAMPLES)
            self->samples[self->count++] = (time - start) * 1e6;
    }
    return NULL;
}

static int ascending(const void *one, const void *other)
{
    float a = *(const float *)one, b = *(const float *)other;
    return (a > b) - (a < b);
}

int main(int argc, char **argv)
{
    if (argc != 4)
        errx(2, "usage: durable DIRECTORY THREADS SECONDS");
    int count = atoi(argv[2]);
    if (count < 1 || count > THREADS)
        errx(2, "1 to %d threads", THREADS);
    directory = argv[1];
    double start = now();
    counted_from = start + atof(argv[3]) / 10;
    end = start + atof(argv[3]);
    for (int i = 0; i < count; i++) {
        threads[i].number = i;
        if (pthread_create(&threads[i].thread, NULL, replace, &threads[i]))
            errx(1, "cannot start a thread");
    }
    size_t calls = 0;
    for (int i = 0; i < count; i++) {
        pthread_join(threads[i].thread, NULL);
        memcpy(all + calls, threads[i].samples, threads[i].count * sizeof *all);
        calls += threads[i].count;
    }
    double measured = now() - counted_from;
    if (!calls)
        errx(1, "nothing was done in time");
    qsort(all, calls, sizeof *all, ascending);
    printf("{\"calls\": %zu, \"seconds\": %.6f, \"p50\": %.2f, \"p99\": %.2f, \"errors\": 0}\n", calls, measured,
           all[calls / 2], all[calls * 99 / 100]);
    return 0;
}
