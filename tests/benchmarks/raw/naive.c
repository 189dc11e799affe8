/* PUT as everybody writes it first: both files written and synced, both renamed, the directory synced, then 200.
 *
 * naive FOLDER PORT [discard]: with `discard` nothing is stored, which is what HTTP and the client cost by themselves.
 */
#include "files.h"

static int folder = -1;

static void synced(const char *scratch, const char *data, size_t size) {
    int file = written(scratch, data, size);
    if (fsync(file) < 0) fail("fsync");
    close(file);
}

static int store(const struct request *request) {
    char attr[ATTR_BYTES], body_path[128], attr_path[128], body_scratch[128], attr_scratch[128];
    if (strcmp(request->method, "PUT") != 0) return 200;
    make_attr(attr, request->name, request->size);
    sprintf(body_path, "%s.body", request->name);
    sprintf(attr_path, "%s.attr.json", request->name);
    sprintf(body_scratch, "%s.body.part", request->name);
    sprintf(attr_scratch, "%s.attr.part", request->name);
    synced(body_scratch, request->body, request->size);
    synced(attr_scratch, attr, ATTR_BYTES);
    if (rename(body_scratch, body_path) < 0 || rename(attr_scratch, attr_path) < 0) fail("rename");
    if (fsync(folder) < 0) fail("fsync of the folder");
    return 200;
}

static int discard(const struct request *request) {
    (void)request;
    return 200;
}

int main(int count, char **words) {
    if (count < 3) return 2;
    folder = open(words[1], O_RDONLY | O_DIRECTORY);
    if (folder < 0 || fchdir(folder) < 0) fail(words[1]);
    serve(atoi(words[2]), count > 3 ? discard : store);
    return 0;
}
