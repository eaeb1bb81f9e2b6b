// What BLAS lacks: plain C without allocation, threads or I/O. Matrices are row-major; a `stride` is the
// number of elements from one row to the next.
#ifndef CKERNELS_H
#define CKERNELS_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/// Tells the processor that the caller spins.
static inline void ck_spin_hint(void) {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ __volatile__("yield");
#endif
}

/// Number of processors this process may run on.
int ck_processor_count(void);

#ifdef __cplusplus
}
#endif
#endif
