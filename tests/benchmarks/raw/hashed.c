/* PUT of bodies of any size: received in one thread, hashed (SHA-256) and written in another, which lets the system
 * write behind; then body and attributes synced, both renamed, the directory synced, then 200.
 *
 * hashed FOLDER PORT. The hash is that of OpenSSL, which Python has too. GET answers 200.
 */
#define _GNU_SOURCE
#include <dlfcn.h>

#include "files.h"

#define PIECE (1024 * 1024)
#define PIECES 4
#define BEHIND (8 * 1024 * 1024) /* so much is written before the system is asked to begin with it */
#define HASH_BYTES 32

struct body {
    int file;
    char *pieces[PIECES];
    size_t sizes[PIECES];
    unsigned long received, stored; /* pieces, ever */
    int is_whole;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    unsigned char hash[HASH_BYTES];
};

static int folder = -1;
static unsigned long bodies;
static void *(*new_hash)(void);
static void (*free_hash)(void *);
static const void *(*sha256)(void);
static int (*begin_hash)(void *, const void *, void *);
static int (*add_to_hash)(void *, const void *, size_t);
static int (*end_hash)(void *, unsigned char *, unsigned *);

static void find_hash(void) {
    const char *names[] = {"libcrypto.so.3", "libcrypto.so.1.1", "libcrypto.so"};
    void *library = NULL;
    for (int n = 0; n < 3 && library == NULL; n++) library = dlopen(names[n], RTLD_NOW);
    if (library == NULL) fail("libcrypto");
    *(void **)&new_hash = dlsym(library, "EVP_MD_CTX_new");
    *(void **)&free_hash = dlsym(library, "EVP_MD_CTX_free");
    *(void **)&sha256 = dlsym(library, "EVP_sha256");
    *(void **)&begin_hash = dlsym(library, "EVP_DigestInit_ex");
    *(void **)&add_to_hash = dlsym(library, "EVP_DigestUpdate");
    *(void **)&end_hash = dlsym(library, "EVP_DigestFinal_ex");
    if (!new_hash || !free_hash || !sha256 || !begin_hash || !add_to_hash || !end_hash) fail("EVP");
}

static void *store(void *argument) {
    struct body *body = argument;
    void *hash = new_hash();
    off_t written_bytes = 0, begun = 0;
    begin_hash(hash, sha256(), NULL);
    for (;;) {
        pthread_mutex_lock(&body->lock);
        while (body->received == body->stored && !body->is_whole) pthread_cond_wait(&body->changed, &body->lock);
        int is_over = body->received == body->stored;
        pthread_mutex_unlock(&body->lock);
        if (is_over) break;
        unsigned long slot = body->stored % PIECES;
        write_all(body->file, body->pieces[slot], body->sizes[slot]);
        add_to_hash(hash, body->pieces[slot], body->sizes[slot]);
        written_bytes += (off_t)body->sizes[slot];
        if (written_bytes - begun >= BEHIND) {
            sync_file_range(body->file, begun, written_bytes - begun, SYNC_FILE_RANGE_WRITE);
            begun = written_bytes;
        }
        pthread_mutex_lock(&body->lock);
        body->stored++;
        pthread_cond_broadcast(&body->changed);
        pthread_mutex_unlock(&body->lock);
    }
    end_hash(hash, body->hash, NULL);
    free_hash(hash);
    return NULL;
}

/* Waits for a free piece, fills it from the socket, and hands it to the other thread. 0 when the client has gone. */
static int receive_piece(int socket, struct body *body, size_t size, const char *early, size_t early_size) {
    pthread_mutex_lock(&body->lock);
    while (body->received - body->stored == PIECES) pthread_cond_wait(&body->changed, &body->lock);
    pthread_mutex_unlock(&body->lock);
    unsigned long slot = body->received % PIECES;
    memcpy(body->pieces[slot], early, early_size);
    int is_there = fill(socket, body->pieces[slot], early_size, size);
    pthread_mutex_lock(&body->lock);
    body->sizes[slot] = size;
    if (is_there) body->received++;
    else body->is_whole = 1;
    pthread_cond_broadcast(&body->changed);
    pthread_mutex_unlock(&body->lock);
    return is_there;
}

static int receive(int socket, struct body *body, const struct request *request) {
    size_t early = request->early;
    for (size_t left = request->size; left > 0;) {
        size_t size = left < PIECE ? left : PIECE;
        if (!receive_piece(socket, body, size, request->body, early)) return 0;
        left -= size;
        early = 0;
    }
    pthread_mutex_lock(&body->lock);
    body->is_whole = 1;
    pthread_cond_broadcast(&body->changed);
    pthread_mutex_unlock(&body->lock);
    return 1;
}

static void commit(const struct body *body, const char *name, size_t size, const char *scratch) {
    char attr[ATTR_BYTES], hex[2 * HASH_BYTES + 1], body_path[160], attr_path[160], attr_scratch[160];
    for (int n = 0; n < HASH_BYTES; n++) sprintf(hex + 2 * n, "%02x", body->hash[n]);
    make_attr(attr, hex, size);
    sprintf(body_path, "%s.body", name);
    sprintf(attr_path, "%s.attr.json", name);
    sprintf(attr_scratch, "%s.attr", scratch);
    if (fdatasync(body->file) < 0) fail("fdatasync");
    int file = written(attr_scratch, attr, ATTR_BYTES);
    if (fdatasync(file) < 0) fail("fdatasync");
    close(file);
    if (rename(scratch, body_path) < 0 || rename(attr_scratch, attr_path) < 0) fail("rename");
    if (fsync(folder) < 0) fail("fsync of the folder");
}

/* Returns 0 when the client has gone in the middle. */
static int put(int socket, const struct request *request, char **pieces) {
    char scratch[64];
    pthread_t thread;
    struct body body = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};
    memcpy(body.pieces, pieces, sizeof body.pieces);
    sprintf(scratch, "%lu.part", __atomic_fetch_add(&bodies, 1, __ATOMIC_RELAXED));
    body.file = open(scratch, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (body.file < 0 || pthread_create(&thread, NULL, store, &body) != 0) fail(scratch);
    int is_whole = receive(socket, &body, request);
    pthread_join(thread, NULL);
    if (is_whole) commit(&body, request->name, request->size, scratch);
    close(body.file);
    return is_whole;
}

static void *serve_bodies(void *argument) {
    struct connection connection = *(struct connection *)argument;
    free(argument);
    char head[HEAD_MAX], *pieces[PIECES];
    struct request request = {0};
    for (int n = 0; n < PIECES; n++) pieces[n] = malloc(PIECE);
    while (next_head(connection.socket, head, &request)) {
        if (strcmp(request.method, "PUT") == 0 && !put(connection.socket, &request, pieces)) break;
        if (!is_answered(connection.socket, 200)) break;
    }
    for (int n = 0; n < PIECES; n++) free(pieces[n]);
    close(connection.socket);
    return NULL;
}

int main(int count, char **words) {
    if (count != 3) return 2;
    find_hash();
    folder = open(words[1], O_RDONLY | O_DIRECTORY);
    if (folder < 0 || fchdir(folder) < 0) fail(words[1]);
    serve_by(serve_bodies, atoi(words[2]), NULL);
    return 0;
}
