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

// Rows of logits (sampling.c).

/// Writes the largest of `n` values, -inf when there is none. Returns whether any of them is NaN or +inf.
int ck_row_max(const float *x, size_t n, float *max);
/// x[i] = exp((x[i] - max) * scale) for x[i] <= max and scale >= 0, with a relative error of exp below 3e-7.
void ck_row_exp(float *x, size_t n, float max, float scale);
/// Sum of `n` values, accumulated in double precision.
double ck_row_sum(const float *x, size_t n);
/// log of the sum of exp(x[i]), of which none is above `max`.
float ck_row_log_sum_exp(const float *x, size_t n, float max);

#ifdef __cplusplus
}
#endif
#endif
