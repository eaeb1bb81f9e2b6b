#define _GNU_SOURCE
#include <stdlib.h>

#include "AllocationCounter.h"

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED 1
#endif
#endif

#if defined(__GLIBC__) && !defined(SANITIZED)
#include <errno.h>
#include <execinfo.h>
#include <stdatomic.h>
#include <unistd.h>

enum { FRAMES = 24, TRACES = 6 };

// The library's own functions, under the names it keeps for those who replace them.
void *__libc_malloc(size_t);
void *__libc_calloc(size_t, size_t);
void *__libc_realloc(void *, size_t);
void *__libc_memalign(size_t, size_t);

static atomic_int counting;
static atomic_size_t count;
static void *frames[TRACES][FRAMES];
static int depths[TRACES];

static void note(void) {
    if (!atomic_load_explicit(&counting, memory_order_relaxed)) return;
    size_t number = atomic_fetch_add_explicit(&count, 1, memory_order_relaxed);
    if (number < TRACES) depths[number] = backtrace(frames[number], FRAMES);
}

void *malloc(size_t size) {
    note();
    return __libc_malloc(size);
}

void *calloc(size_t number, size_t size) {
    note();
    return __libc_calloc(number, size);
}

void *realloc(void *memory, size_t size) {
    note();
    return __libc_realloc(memory, size);
}

void *aligned_alloc(size_t alignment, size_t size) {
    note();
    return __libc_memalign(alignment, size);
}

int posix_memalign(void **memory, size_t alignment, size_t size) {
    note();
    if (alignment % sizeof(void *) != 0 || (alignment & (alignment - 1)) != 0) return EINVAL;
    void *taken = __libc_memalign(alignment, size);
    if (!taken) return ENOMEM;
    *memory = taken;
    return 0;
}

int allocation_counter_works(void) { return 1; }

void allocation_counter_start(void) {
    // The first backtrace loads a library, which allocates.
    void *frame;
    backtrace(&frame, 1);
    atomic_store(&count, 0);
    atomic_store(&counting, 1);
}

size_t allocation_counter_stop(void) {
    atomic_store(&counting, 0);
    return atomic_load(&count);
}

void allocation_counter_print(void) {
    for (size_t i = 0; i < TRACES && i < atomic_load(&count); i++) {
        backtrace_symbols_fd(frames[i], depths[i], 2);
        (void)!write(2, "\n", 1);
    }
}

#else
int allocation_counter_works(void) { return 0; }
void allocation_counter_start(void) {}
size_t allocation_counter_stop(void) { return 0; }
void allocation_counter_print(void) {}
#endif
