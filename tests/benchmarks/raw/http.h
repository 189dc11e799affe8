/* Just enough of HTTP/1.1 for raw programs: requests with a Content-Length over kept connections, a thread for each. */
#ifndef HTTP_H
#define HTTP_H

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#define HEAD_MAX 16384
#define NAME_MAX_BYTES 64

struct request {
    char method[8];
    char name[NAME_MAX_BYTES]; /* the path behind its first slash */
    char *body;                /* owned by the connection, valid until the next request */
    size_t size;
    size_t early; /* so much of the body has come with the head */
};

typedef int (*handler)(const struct request *); /* returns the status */

struct connection {
    int socket;
    handler handle;
};

static void fail(const char *what) {
    perror(what);
    exit(1);
}

static void write_all(int file, const char *data, size_t size) {
    while (size > 0) {
        ssize_t written = write(file, data, size);
        if (written < 0) fail("write");
        data += written;
        size -= (size_t)written;
    }
}

/* Reads until `held` bytes are `wanted`; 0 when the client has gone. */
static int fill(int socket, char *buffer, size_t held, size_t wanted) {
    while (held < wanted) {
        ssize_t got = recv(socket, buffer + held, wanted - held, 0);
        if (got <= 0) return 0;
        held += (size_t)got;
    }
    return 1;
}

static size_t length_in(const char *head) {
    for (const char *line = strstr(head, "\r\n"); line != NULL; line = strstr(line + 2, "\r\n"))
        if (strncasecmp(line + 2, "content-length:", 15) == 0) return strtoull(line + 17, NULL, 10);
    return 0;
}

/* Leaves `body` at what has come of it. A client sends its next request only after the answer to this one, so nothing
 * stands behind the body. 0 when the client has gone, or what it sends is no request. */
static int next_head(int socket, char *head, struct request *request) {
    size_t held = 0;
    char *end = NULL;
    while (end == NULL) {
        ssize_t got = recv(socket, head + held, HEAD_MAX - 1 - held, 0);
        if (got <= 0) return 0;
        held += (size_t)got;
        head[held] = '\0';
        end = strstr(head, "\r\n\r\n");
        if (end == NULL && held == HEAD_MAX - 1) return 0;
    }
    end[2] = '\0';
    if (sscanf(head, "%7s /%63[^ ?/]", request->method, request->name) < 1) return 0;
    request->early = held - (size_t)(end + 4 - head);
    request->size = length_in(head);
    request->body = end + 4;
    return request->early <= request->size;
}

static int next_request(int socket, char *head, char **body, size_t *room, struct request *request) {
    if (!next_head(socket, head, request)) return 0;
    if (request->size > *room) {
        *room = request->size;
        *body = realloc(*body, *room);
    }
    memcpy(*body, request->body, request->early);
    request->body = *body;
    return fill(socket, *body, request->early, request->size);
}

static int is_answered(int socket, int status) {
    char answer[64];
    int size = sprintf(answer, "HTTP/1.1 %d X\r\nContent-Length: 0\r\n\r\n", status);
    return send(socket, answer, (size_t)size, MSG_NOSIGNAL) == size;
}

static void *serve_one(void *argument) {
    struct connection connection = *(struct connection *)argument;
    free(argument);
    char head[HEAD_MAX];
    size_t room = 4096;
    char *body = malloc(room);
    struct request request = {0};
    while (next_request(connection.socket, head, &body, &room, &request))
        if (!is_answered(connection.socket, connection.handle(&request))) break;
    free(body);
    close(connection.socket);
    return NULL;
}

/* `one_connection` is called in a thread for each connection, with a struct connection that it frees. */
static void serve_by(void *(*one_connection)(void *), int port, handler handle) {
    int one = 1, listener = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((unsigned short)port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(listener, (struct sockaddr *)&address, sizeof address) < 0 || listen(listener, 1024) < 0) fail("listen");
    for (;;) {
        struct connection *connection = malloc(sizeof *connection);
        pthread_t thread;
        connection->socket = accept(listener, NULL, NULL);
        connection->handle = handle;
        if (connection->socket < 0) fail("accept");
        setsockopt(connection->socket, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        if (pthread_create(&thread, NULL, one_connection, connection) != 0) fail("thread");
        pthread_detach(thread);
    }
}

static inline void serve(int port, handler handle) { serve_by(serve_one, port, handle); }

#endif
