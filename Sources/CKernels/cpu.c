#ifdef __linux__
#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>
#endif
#if defined(__linux__) && defined(__aarch64__)
#include <sys/auxv.h>
#endif
#ifdef __APPLE__
#include <pthread.h>
#include <sys/sysctl.h>
#endif
#include <unistd.h>

#include "ck_internal.h"

void ck_name_thread(const char *name) {
#if defined(__linux__)
    pthread_setname_np(pthread_self(), name);
#elif defined(__APPLE__)
    pthread_setname_np(name);
#endif
}

int ck_machine_processor_count(void) { return (int)sysconf(_SC_NPROCESSORS_ONLN); }

int ck_processor_count(void) {
#ifdef __linux__
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) == 0) return CPU_COUNT(&set);
#endif
    return ck_machine_processor_count();
}

uint64_t ck_memory_bytes(void) {
    long pages = sysconf(_SC_PHYS_PAGES), bytes = sysconf(_SC_PAGESIZE);
    return pages > 0 && bytes > 0 ? (uint64_t)pages * (uint64_t)bytes : 0;
}

int ck_has_dotprod(void) {
#if defined(__ARM_FEATURE_DOTPROD)
    // Every processor that the program is compiled for has it, as Apple's have.
    return 1;
#elif defined(__linux__) && defined(__aarch64__)
    return (getauxval(AT_HWCAP) & HWCAP_ASIMDDP) != 0;
#else
    return 0;
#endif
}

int ck_has_i8mm(void) {
#if defined(__ARM_FEATURE_MATMUL_INT8)
    return 1;
#elif defined(__linux__) && defined(__aarch64__)
    return (getauxval(AT_HWCAP2) & HWCAP2_I8MM) != 0;
#elif defined(__APPLE__) && defined(__aarch64__)
    int has = 0;
    size_t size = sizeof has;
    return sysctlbyname("hw.optional.arm.FEAT_I8MM", &has, &size, NULL, 0) == 0 && has;
#else
    return 0;
#endif
}
