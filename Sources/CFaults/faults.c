#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "CFaults.h"

struct file {
    // 0 in a place that is free. Written last, so that the handler sees whole entries only.
    _Atomic uintptr_t base;
    size_t length;
    char *path;
};

enum { capacity = 4096 };
static struct file files[capacity];
// Among those who add and remove; the handler takes no lock.
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct sigaction previous;

int cf_note_file(const void *base, size_t length, const char *path) {
    char *copy = strdup(path);
    if (!copy) return -1;
    pthread_mutex_lock(&lock);
    int place = 0;
    while (place < capacity && atomic_load(&files[place].base) != 0) place++;
    if (place < capacity) {
        files[place].length = length;
        files[place].path = copy;
        atomic_store(&files[place].base, (uintptr_t)base);
    }
    pthread_mutex_unlock(&lock);
    if (place < capacity) return place;
    free(copy);
    return -1;
}

void cf_forget_file(int place) {
    if (place < 0 || place >= capacity) return;
    pthread_mutex_lock(&lock);
    char *path = files[place].path;
    atomic_store(&files[place].base, 0);
    pthread_mutex_unlock(&lock);
    // Nobody reads the file any more, so that no fault in it can be under way.
    free(path);
}

// A line that is put together without the C library's buffers: all that a signal's handler may do.
struct line {
    char text[8192];
    size_t length;
};

static void add(struct line *line, const char *text) {
    size_t length = strlen(text);
    if (length > sizeof line->text - line->length) length = sizeof line->text - line->length;
    memcpy(line->text + line->length, text, length);
    line->length += length;
}

static void add_number(struct line *line, uint64_t number) {
    char digits[24];
    size_t first = sizeof digits - 1;
    digits[first] = 0;
    do digits[--first] = (char)('0' + number % 10);
    while ((number /= 10) > 0);
    add(line, digits + first);
}

static void explain(const struct file *file) {
    struct line line = {.length = 0};
    struct stat status;
    add(&line, "infer-serve: the file ");
    add(&line, file->path);
    if (stat(file->path, &status) != 0) {
        add(&line, " was removed and cut short");
    } else if ((uint64_t)status.st_size < file->length) {
        add(&line, " was cut short, from ");
        add_number(&line, file->length);
        add(&line, " bytes to ");
        add_number(&line, (uint64_t)status.st_size);
        add(&line, ",");
    } else {
        add(&line, " could not be read from its disk");
    }
    add(&line, " while it was in use. Put a whole file in its place by renaming one, never by writing to one that is in use, "
               "and start again.\n");
    ssize_t written = write(STDERR_FILENO, line.text, line.length);
    // Nothing is left to do if nobody reads it.
    (void)written;
    _exit(CF_EXIT_CODE);
}

static void handle(int number, siginfo_t *information, void *context) {
    (void)context;
    uintptr_t address = (uintptr_t)information->si_addr;
    for (int place = 0; place < capacity; place++) {
        uintptr_t base = atomic_load(&files[place].base);
        if (base != 0 && address >= base && address - base < files[place].length) explain(&files[place]);
    }
    // The instruction is run again, and does what it would have done without this.
    sigaction(number, &previous, NULL);
}

int cf_explain_faults(void) {
    struct sigaction action = {0};
    action.sa_sigaction = handle;
    action.sa_flags = SA_SIGINFO;
    sigemptyset(&action.sa_mask);
    pthread_mutex_lock(&lock);
    struct sigaction old;
    int result = sigaction(SIGBUS, &action, &old);
    // A second call must not make the handler its own predecessor.
    if (result == 0 && !(old.sa_flags & SA_SIGINFO && old.sa_sigaction == handle)) previous = old;
    pthread_mutex_unlock(&lock);
    return result;
}
