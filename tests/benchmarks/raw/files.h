/* The two files of a document as the raw programs write them: the body, and attributes as large as ours. */
#ifndef FILES_H
#define FILES_H

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "http.h"

#define ATTR_BYTES 1200

static void make_attr(char *attr, const char *name, size_t size) {
    memset(attr, ' ', ATTR_BYTES);
    int written = sprintf(attr, "{\"document_id\":\"%s\",\"size\":%zu,\"rest\":\"", name, size);
    attr[written] = 'x';
    memcpy(attr + ATTR_BYTES - 3, "\"}\n", 3);
}

/* Returns the handle of a written file that is not synced. */
static int written(const char *path, const char *data, size_t size) {
    int file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (file < 0) fail(path);
    write_all(file, data, size);
    return file;
}

#endif
