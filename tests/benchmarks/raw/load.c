/* Sends prepared requests over kept connections, one at a time on each, and tells status, time and size of each answer.
 *
 * load PORT CONNECTIONS PLAN ANSWERS. PLAN: for each request three numbers (4 bytes each, this machine's order): the
 * sizes of its beginning and of a piece, and how often that piece follows the beginning; then the bytes of both.
 * ANSWERS: for each request, in the plan's order, a line `status microseconds bytes`, the bytes those of the answer's
 * body; `0 0 0` when no whole answer came. On standard output a line `half` as soon as half of the answers are there,
 * and then the seconds that all have taken.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
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

#define HEAD_MAX 16384
#define BODY_ROOM (256 * 1024)

struct request {
    const char *head, *piece;
    uint32_t head_size, piece_size;
    uint64_t size; /* of all that is sent */
    int status;
    double seconds;
    uint64_t answered; /* bytes of the answer's body */
};

struct client {
    int socket;
    long request; /* its number; -1 when there is none to do */
    uint64_t sent;
    size_t held; /* bytes of the answer's head, and of what came with it */
    int status;  /* 0 until the whole head is there */
    uint64_t left;
    double begun;
    char head[HEAD_MAX];
};

static struct request *requests;
static char thrown_away[BODY_ROOM];
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
    for (long at = 0, room = 0; at < found.st_size; count++) {
        uint32_t numbers[3];
        if (count == room) {
            room = room ? 2 * room : 1024;
            requests = realloc(requests, (size_t)room * sizeof *requests);
        }
        struct request *request = &requests[count];
        memset(request, 0, sizeof *request);
        memcpy(numbers, plan + at, sizeof numbers);
        request->head = plan + at + sizeof numbers;
        request->piece = request->head + numbers[0];
        request->head_size = numbers[0];
        request->piece_size = numbers[1];
        request->size = numbers[0] + (uint64_t)numbers[1] * numbers[2];
        at += (long)(sizeof numbers + numbers[0] + numbers[1]);
    }
}

static void leave(struct client *client) {
    close(client->socket);
    client->request = -1;
    gone++;
}

static void go_on(struct client *client) {
    while (client->request >= 0 && client->sent < requests[client->request].size) {
        const struct request *request = &requests[client->request];
        const char *rest = request->head + client->sent;
        size_t size = request->head_size - client->sent;
        if (client->sent >= request->head_size) {
            size_t at = (client->sent - request->head_size) % request->piece_size;
            rest = request->piece + at;
            size = request->piece_size - at;
        }
        ssize_t sent = send(client->socket, rest, size, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent < 0) return; /* full, or broken: then there is something to read as well */
        client->sent += (uint64_t)sent;
    }
}

static void begin(struct client *client) {
    if (next_one == count) {
        leave(client);
        return;
    }
    client->request = next_one++;
    client->sent = client->held = client->left = 0;
    client->status = 0;
    client->begun = now();
    go_on(client);
}

static void end(struct client *client) {
    struct request *request = &requests[client->request];
    request->status = client->status;
    request->seconds = now() - client->begun;
    if (++answered == count / 2) {
        puts("half");
        fflush(stdout);
    }
    begin(client);
}

/* Looks for the end of the head; then the status is known, and how much of the body has to come. */
static void read_head(struct client *client) {
    client->head[client->held] = '\0';
    char *end_of_head = strstr(client->head, "\r\n\r\n");
    if (end_of_head == NULL) return;
    char *length = strcasestr(client->head, "\r\ncontent-length:");
    uint64_t body = length != NULL && length < end_of_head ? strtoull(length + 17, NULL, 10) : 0;
    uint64_t early = client->held - (size_t)(end_of_head + 4 - client->head);
    requests[client->request].answered = body;
    client->status = atoi(client->head + 9);
    client->left = body > early ? body - early : 0;
}

static void take(struct client *client) {
    for (;;) {
        char *room = client->status ? thrown_away : client->head + client->held;
        size_t size = client->status ? BODY_ROOM : HEAD_MAX - 1 - client->held;
        if (client->status && client->left < size) size = client->left;
        ssize_t got = recv(client->socket, room, size, MSG_DONTWAIT);
        if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
        if (got <= 0) {
            leave(client);
            return;
        }
        if (client->status) {
            client->left -= (uint64_t)got;
        } else {
            client->held += (size_t)got;
            read_head(client);
        }
        if (client->status && client->left == 0) {
            end(client);
            return;
        }
    }
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
    for (long n = 0; n < count; n++) {
        const struct request *request = &requests[n];
        fprintf(answers, "%d %.0f %llu\n", request->status, request->seconds * 1e6,
                request->status ? (unsigned long long)request->answered : 0);
    }
    fclose(answers);
    return 0;
}
