/* Sends prepared requests over kept connections, one at a time on each, and tells the status and time of each answer.
 *
 * load PORT CONNECTIONS PLAN ANSWERS. PLAN: for each request its size (4 bytes, this machine's order) and its bytes.
 * ANSWERS: for each request, in the plan's order, a line `status microseconds`; `0 0` when no answer came. On standard
 * output a line `half` as soon as half of the answers are there, and then the seconds that all have taken.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define ANSWER_MAX 16384

struct client {
    int socket;
    long request; /* its number; -1 when there is none to do */
    size_t sent, held;
    double begun;
    char answer[ANSWER_MAX];
};

static const char **starts;
static uint32_t *sizes;
static int *statuses;
static double *seconds;
static long count, next_one, answered, gone;
static int poller;

static void fail(const char *what) {
    perror(what);
    exit(1);
}

static double now(void) {
    struct timespec moment;
    clock_gettime(CLOCK_MONOTONIC, &moment);
    return (double)moment.tv_sec + (double)moment.tv_nsec / 1e9;
}

static void read_plan(const char *path) {
    struct stat found;
    int file = open(path, O_RDONLY);
    if (file < 0 || fstat(file, &found) < 0) fail(path);
    const char *plan = mmap(NULL, (size_t)found.st_size, PROT_READ, MAP_PRIVATE | MAP_POPULATE, file, 0);
    if (plan == MAP_FAILED) fail("mmap");
    for (long at = 0, room = 0; at < found.st_size; at += 4 + sizes[count - 1]) {
        if (count == room) {
            room = room ? 2 * room : 1024;
            starts = realloc(starts, (size_t)room * sizeof *starts);
            sizes = realloc(sizes, (size_t)room * sizeof *sizes);
        }
        memcpy(&sizes[count], plan + at, 4);
        starts[count++] = plan + at + 4;
    }
    statuses = calloc((size_t)count, sizeof *statuses);
    seconds = calloc((size_t)count, sizeof *seconds);
}

static void leave(struct client *client) {
    close(client->socket);
    client->request = -1;
    gone++;
}

static void go_on(struct client *client) {
    while (client->request >= 0 && client->sent < sizes[client->request]) {
        const char *rest = starts[client->request] + client->sent;
        ssize_t sent = send(client->socket, rest, sizes[client->request] - client->sent, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent < 0) return; /* full, or broken: then there is something to read as well */
        client->sent += (size_t)sent;
    }
}

static void begin(struct client *client) {
    if (next_one == count) {
        leave(client);
        return;
    }
    client->request = next_one++;
    client->sent = client->held = 0;
    client->begun = now();
    go_on(client);
}

/* Returns the status of a whole answer, 0 when more of it has to come. */
static int status_in(struct client *client) {
    client->answer[client->held] = '\0';
    char *end = strstr(client->answer, "\r\n\r\n");
    if (end == NULL) return 0;
    char *length = strcasestr(client->answer, "\r\ncontent-length:");
    size_t body = length != NULL && length < end ? strtoull(length + 17, NULL, 10) : 0;
    if (client->held < (size_t)(end + 4 - client->answer) + body) return 0;
    return atoi(client->answer + 9);
}

static void take(struct client *client) {
    size_t room = ANSWER_MAX - 1 - client->held;
    ssize_t got = recv(client->socket, client->answer + client->held, room, MSG_DONTWAIT);
    if (got <= 0) {
        leave(client);
        return;
    }
    client->held += (size_t)got;
    int status = status_in(client);
    if (status == 0) return;
    statuses[client->request] = status;
    seconds[client->request] = now() - client->begun;
    if (++answered == count / 2) {
        puts("half");
        fflush(stdout);
    }
    begin(client);
}

static void connect_to(struct client *client, int port) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((unsigned short)port)};
    struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLET, .data.ptr = client};
    int one = 1;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    client->socket = socket(AF_INET, SOCK_STREAM, 0);
    client->request = -1;
    if (connect(client->socket, (struct sockaddr *)&address, sizeof address) < 0) fail("connect");
    setsockopt(client->socket, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (epoll_ctl(poller, EPOLL_CTL_ADD, client->socket, &event) < 0) fail("epoll");
}

int main(int words, char **word) {
    if (words != 5) return 2;
    int connections = atoi(word[2]);
    struct client *clients = calloc((size_t)connections, sizeof *clients);
    struct epoll_event events[256];
    read_plan(word[3]);
    poller = epoll_create1(0);
    for (int n = 0; n < connections; n++) connect_to(&clients[n], atoi(word[1]));
    double begun = now();
    for (int n = 0; n < connections; n++) begin(&clients[n]);
    while (gone < connections) {
        int ready = epoll_wait(poller, events, 256, -1);
        for (int n = 0; n < ready; n++) {
            struct client *client = events[n].data.ptr;
            if (client->request < 0) continue;
            if (events[n].events & EPOLLOUT) go_on(client);
            if (events[n].events & (EPOLLIN | EPOLLHUP | EPOLLERR)) take(client);
        }
    }
    printf("%.6f\n", now() - begun);
    fflush(stdout);
    FILE *answers = fopen(word[4], "w");
    if (answers == NULL) fail(word[4]);
    for (long n = 0; n < count; n++) fprintf(answers, "%d %.0f\n", statuses[n], seconds[n] * 1e6);
    fclose(answers);
    return 0;
}
