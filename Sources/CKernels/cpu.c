#define _GNU_SOURCE
#include <pthread.h>
#if defined(__aarch64__)
#include <sys/auxv.h>
#elif defined(__x86_64__)
#include <cpuid.h>
#endif
#include <sys/syscall.h>
#include <unistd.h>

#include "ck_internal.h"

void ck_name_thread(const char *name) {
    pthread_setname_np(pthread_self(), name);
}

int32_t ck_thread_id(void) { return (int32_t)syscall(SYS_gettid); }

int ck_machine_processor_count(void) { return (int)sysconf(_SC_NPROCESSORS_ONLN); }

int ck_processor_count(void) {
    uint64_t words[1024];
    size_t count = ck_get_affinity(words, sizeof words / sizeof *words);
    int processors = 0;
    for (size_t i = 0; i < count; i++) processors += __builtin_popcountll(words[i]);
    return processors > 0 ? processors : ck_machine_processor_count();
}

uint64_t ck_memory_bytes(void) {
    long pages = sysconf(_SC_PHYS_PAGES), bytes = sysconf(_SC_PAGESIZE);
    return pages > 0 && bytes > 0 ? (uint64_t)pages * (uint64_t)bytes : 0;
}

int ck_has_dotprod(void) {
#if defined(__ARM_FEATURE_DOTPROD)
    // Every processor that the program is compiled for has it.
    return 1;
#elif defined(__aarch64__)
    return (getauxval(AT_HWCAP) & HWCAP_ASIMDDP) != 0;
#else
    return 0;
#endif
}

int ck_has_i8mm(void) {
#if defined(__ARM_FEATURE_MATMUL_INT8)
    return 1;
#elif defined(__aarch64__)
    return (getauxval(AT_HWCAP2) & HWCAP2_I8MM) != 0;
#else
    return 0;
#endif
}

int ck_has_tiles(void) {
#if defined(__x86_64__)
    enum { instructions = 1 << 22 | 1 << 24 | 1 << 25 };
    unsigned a, b, c, d;
    return __get_cpuid_count(7, 0, &a, &b, &c, &d) && (d & instructions) == instructions;
#else
    return 0;
#endif
}

int ck_grants_tiles(uint64_t states, int (*request)(void)) {
    enum { shape = 1 << 17, data = 1 << 18 };
    return (states & shape) && (states & data) && request() == 0;
}

#if defined(__x86_64__)
/// The data are kept for processes that have asked: for all of their threads, those that are there and those to come. A
/// system that does not know the request refuses it.
static int request_tiles(void) {
    enum { data = 18, request_permission = 0x1023 };
    return (int)syscall(SYS_arch_prctl, request_permission, data);
}
#endif

int ck_permits_tiles(void) {
#if defined(__x86_64__)
    unsigned a, b, c, d;
    if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & bit_OSXSAVE)) return 0;
    // The states that the system keeps at all, which a hypervisor may cut short.
    __asm__("xgetbv" : "=a"(a), "=d"(d) : "c"(0));
    return ck_grants_tiles((uint64_t)d << 32 | a, request_tiles);
#else
    return 0;
#endif
}
