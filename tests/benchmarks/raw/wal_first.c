/* PUT with one log first: 200 as soon as body and attributes are in the log and one fdatasync, shared by all who wait,
 * has returned. A second thread makes the files behind, without syncing them one by one.
 *
 * wal_first FOLDER PORT: at its start it makes the files of all whole records in FOLDER/wal, syncs the file system,
 * empties the log, and only then listens. GET /drain answers when all files lie there, synced.
 */
#define _GNU_SOURCE
#include <stdint.h>
#include <sys/stat.h>

#include "files.h"

#define BACKLOG_MAX 4096
#define MAGIC 0x57414c31u

struct head {
    uint32_t magic, size; /* of the body, in bytes */
    uint64_t check;       /* FNV-1a over name, attributes and body, eight bytes at a time */
    char name[NAME_MAX_BYTES];
};

struct item {
    struct item *next;
    struct head head;
    char data[]; /* attributes, then the body */
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t synced = PTHREAD_COND_INITIALIZER, queued = PTHREAD_COND_INITIALIZER;
static pthread_cond_t made = PTHREAD_COND_INITIALIZER;
static struct item *pending, **pending_end = &pending; /* in the memory of this program alone */
static struct item *durable, **durable_end = &durable; /* in the log, their files not made */
static uint64_t appended, synced_through, made_through;
static int is_syncing, log_file, folder;

static uint64_t check_of(const struct head *head, const char *data) {
    uint64_t check = 14695981039346656037u, word;
    const char *parts[] = {head->name, data};
    size_t sizes[] = {NAME_MAX_BYTES, ATTR_BYTES + head->size};
    for (int part = 0; part < 2; part++) {
        for (size_t at = 0; at + 8 <= sizes[part]; at += 8) {
            memcpy(&word, parts[part] + at, 8);
            check = (check ^ word) * 1099511628211u;
        }
        for (size_t at = sizes[part] & ~(size_t)7; at < sizes[part]; at++)
            check = (check ^ (unsigned char)parts[part][at]) * 1099511628211u;
    }
    return check;
}

static void make_files(const struct head *head, const char *data) {
    char path[128];
    sprintf(path, "%s.body", head->name);
    close(written(path, data + ATTR_BYTES, head->size));
    sprintf(path, "%s.attr.json", head->name);
    close(written(path, data, ATTR_BYTES));
}

/* Called by whoever finds that nobody syncs: writes and syncs for all who wait. The lock is held, and let go between. */
static void sync_all(void) {
    struct item *batch = pending, **last = pending_end;
    uint64_t through = appended;
    pending = NULL;
    pending_end = &pending;
    is_syncing = 1;
    pthread_mutex_unlock(&lock);
    size_t size = 0, at = 0;
    for (struct item *item = batch; item != NULL; item = item->next)
        size += sizeof item->head + ATTR_BYTES + item->head.size;
    char *line = malloc(size);
    for (struct item *item = batch; item != NULL; item = item->next) {
        memcpy(line + at, &item->head, sizeof item->head);
        memcpy(line + at + sizeof item->head, item->data, ATTR_BYTES + item->head.size);
        at += sizeof item->head + ATTR_BYTES + item->head.size;
    }
    write_all(log_file, line, size);
    free(line);
    if (fdatasync(log_file) < 0) fail("fdatasync");
    pthread_mutex_lock(&lock);
    *durable_end = batch;
    durable_end = last;
    synced_through = through;
    is_syncing = 0;
    pthread_cond_broadcast(&synced);
    pthread_cond_signal(&queued);
}

static int store(const struct request *request) {
    struct item *item = calloc(1, sizeof *item + ATTR_BYTES + request->size);
    item->head.magic = MAGIC;
    item->head.size = (uint32_t)request->size;
    strcpy(item->head.name, request->name);
    make_attr(item->data, request->name, request->size);
    memcpy(item->data + ATTR_BYTES, request->body, request->size);
    item->head.check = check_of(&item->head, item->data);
    pthread_mutex_lock(&lock);
    while (appended - made_through >= BACKLOG_MAX) pthread_cond_wait(&made, &lock);
    *pending_end = item;
    pending_end = &item->next;
    uint64_t own = ++appended;
    while (synced_through < own)
        if (is_syncing) pthread_cond_wait(&synced, &lock);
        else sync_all();
    pthread_mutex_unlock(&lock);
    return 200;
}

static void *make_all(void *unused) {
    for (;;) {
        pthread_mutex_lock(&lock);
        while (durable == NULL) pthread_cond_wait(&queued, &lock);
        struct item *batch = durable;
        durable = NULL;
        durable_end = &durable;
        pthread_mutex_unlock(&lock);
        while (batch != NULL) {
            struct item *item = batch;
            make_files(&item->head, item->data);
            batch = item->next;
            free(item);
            pthread_mutex_lock(&lock);
            made_through++;
            pthread_cond_broadcast(&made);
            pthread_mutex_unlock(&lock);
        }
    }
    return unused;
}

static int drain(void) {
    pthread_mutex_lock(&lock);
    while (made_through < appended) pthread_cond_wait(&made, &lock);
    pthread_mutex_unlock(&lock);
    if (syncfs(folder) < 0) fail("syncfs");
    return 200;
}

static int handle(const struct request *request) {
    return strcmp(request->method, "PUT") == 0 ? store(request) : strcmp(request->name, "drain") == 0 ? drain() : 200;
}

static void replay(void) {
    struct stat found;
    if (fstat(log_file, &found) < 0) fail("wal");
    char *data = malloc((size_t)found.st_size + 1);
    size_t size = 0, at = 0;
    for (ssize_t got; (got = pread(log_file, data + size, (size_t)found.st_size - size, (off_t)size)) > 0;)
        size += (size_t)got;
    while (at + sizeof(struct head) <= size) {
        struct head head;
        memcpy(&head, data + at, sizeof head);
        const char *rest = data + at + sizeof head;
        if (head.magic != MAGIC || at + sizeof head + ATTR_BYTES + head.size > size) break;
        if (check_of(&head, rest) != head.check) break;
        make_files(&head, rest);
        at += sizeof head + ATTR_BYTES + head.size;
    }
    free(data);
    if (syncfs(folder) < 0 || ftruncate(log_file, 0) < 0 || fsync(log_file) < 0) fail("replay");
}

int main(int count, char **words) {
    pthread_t maker;
    if (count != 3) return 2;
    folder = open(words[1], O_RDONLY | O_DIRECTORY);
    if (folder < 0 || fchdir(folder) < 0) fail(words[1]);
    log_file = open("wal", O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (log_file < 0 || fsync(folder) < 0) fail("wal");
    replay();
    if (pthread_create(&maker, NULL, make_all, NULL) != 0) fail("thread");
    serve(atoi(words[2]), handle);
    return 0;
}
