// Where threads run and where memory lies: system calls, without libnuma.
#define _GNU_SOURCE
#include <errno.h>
#include <linux/mempolicy.h>
#include <sched.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "ck_internal.h"

// Sets of processors and of nodes are arrays of unsigned long for the system.
_Static_assert(sizeof(unsigned long) == sizeof(uint64_t), "words of 64 bits");

int ck_current_processor(void) { return sched_getcpu(); }

size_t ck_get_affinity(uint64_t *words, size_t count) {
    // The C library's function fails where the machine has more processors than its set; the system's own tells the bytes
    // that it has written.
    long bytes = syscall(SYS_sched_getaffinity, 0, count * sizeof *words, words);
    return bytes > 0 ? (size_t)bytes / sizeof *words : 0;
}

int ck_set_affinity(int32_t thread, const uint64_t *words, size_t count) {
    return syscall(SYS_sched_setaffinity, thread, count * sizeof *words, words) == 0 ? 0 : errno;
}

// The system takes the number of bits and one more.
static unsigned long bits(size_t count) { return count * 64 + 1; }

static int mode(ck_memory_policy policy) {
    switch (policy) {
    case CK_MEMORY_INTERLEAVED: return MPOL_INTERLEAVE;
    case CK_MEMORY_PREFERRED: return MPOL_PREFERRED;
    default: return MPOL_DEFAULT;
    }
}

int ck_place_memory(void *base, size_t bytes, ck_memory_policy policy, const uint64_t *nodes, size_t count) {
    return syscall(SYS_mbind, base, bytes, mode(policy), nodes, bits(count), 0) == 0 ? 0 : errno;
}

enum { WORDS = sizeof((ck_thread_policy){0}.nodes) / sizeof(uint64_t) };

ck_thread_policy ck_make_thread_policy(ck_memory_policy policy, const uint64_t *nodes, size_t count) {
    ck_thread_policy made = {.mode = mode(policy)};
    for (size_t i = 0; i < count && i < WORDS; i++) made.nodes[i] = nodes[i];
    return made;
}

int ck_get_thread_policy(ck_thread_policy *policy) {
    int found = MPOL_DEFAULT;
    memset(policy, 0, sizeof *policy);
    if (syscall(SYS_get_mempolicy, &found, policy->nodes, bits(WORDS), 0, 0) != 0) return errno;
    policy->mode = found;
    return 0;
}

int ck_set_thread_policy(const ck_thread_policy *policy) {
    return syscall(SYS_set_mempolicy, policy->mode, policy->nodes, bits(WORDS)) == 0 ? 0 : errno;
}

int ck_memory_policy_at(const void *address, uint64_t *nodes, size_t count) {
    int found = MPOL_DEFAULT;
    memset(nodes, 0, count * sizeof *nodes);
    if (syscall(SYS_get_mempolicy, &found, nodes, bits(count), address, MPOL_F_ADDR) != 0) return -1;
    switch (found & ~MPOL_MODE_FLAGS) {
    case MPOL_INTERLEAVE: return CK_MEMORY_INTERLEAVED;
    case MPOL_PREFERRED: return CK_MEMORY_PREFERRED;
    default: return CK_MEMORY_DEFAULT;
    }
}
