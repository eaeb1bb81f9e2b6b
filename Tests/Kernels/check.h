// Buffers, random numbers and comparisons for the tests of the kernels.
#ifndef CHECK_H
#define CHECK_H

#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "CKernels.h"

/// Comparisons made so far.
extern size_t check_count;

/// Sets the kernel and the numbers that a failure of the next comparisons names.
void check_context(const char *kernel, size_t a, size_t b, size_t c);
/// Ends the program unless |got − want| ≤ tolerance, or both are the same infinity or NaN.
void check_close(double got, double want, double tolerance);
/// Ends the program unless `condition` holds.
void check_that(int condition, const char *what);

/// A uniform number in −1 ..< 1, the same sequence on every machine.
float random_float(void);
/// `n` random floats in memory of exactly that size, so that a sanitizer sees the first byte outside; freed by
/// check_release().
float *random_floats(size_t n);
/// A number that no kernel computes.
extern const float check_canary_value;
/// `n` floats of which each is a canary.
float *canaries(size_t n);
/// Ends the program unless `x` is still a canary.
void check_canary(float x);
/// Frees what was handed out.
void check_release(void);

/// Number of elements of an array.
#define COUNT(array) (sizeof(array) / sizeof *(array))

void test_attention(void);
void test_rows(void);
void test_exponentials(void);
void test_convolution(void);
void test_scan(void);
void test_selective_scan(void);
void test_delta(void);
void test_wkv(void);
void test_formats(void);
void test_panels(void);
void test_packing_of_panels(void);
void test_quantising(void);
void test_blocks(void);
void test_logits(void);
void test_limits(void);
void test_tiles(void);
void test_threads(void);
void test_leave_for_tiles(void);

/// Runs the program once more with these arguments where the system refuses to keep tiles. Returns where that cannot be.
int run_without_leave(char **arguments);

#endif
