// Shared by the kernels; not part of the interface.
#ifndef CK_INTERNAL_H
#define CK_INTERNAL_H

#include <math.h>
#include <string.h>

#include "CKernels.h"

// A kernel is compiled once for each instruction set, by the file that includes it (isa_*.c), and called through the
// table of the chosen one (isa.h). It is never inlined, so that its sums are added in one order whoever calls it.
#define CK_KERNEL static __attribute__((noinline))

// Sums may be re-associated, which is what lets them use vectors; products and sums contract to FMA.
#define CK_FAST _Pragma("clang fp reassociate(on) contract(fast)")

// The same without the first: for kernels whose bits are those of another.
#define CK_ROUNDED _Pragma("clang fp contract(fast)")

// For loops whose output may be one of their inputs, element for element: without the promise they stay scalar. Builds that
// look for mistakes vectorise nothing, and that is no mistake.
#pragma clang diagnostic ignored "-Wpass-failed"
#define CK_IN_PLACE _Pragma("clang loop vectorize(assume_safety)")

#define CK_INLINE static inline __attribute__((always_inline))
#define CK_UNROLL _Pragma("clang loop unroll(full)")
// Of a long row of statements, compilers put off sums of integers until nothing fits registers any more.
#define CK_ROLLED _Pragma("clang loop unroll(disable)")

// Kernels compute with vectors of CK_LANES numbers, which the compiler splits where registers are narrower. Vectors wider
// than registers have no agreed way to be passed: functions that take or return them are inlined.
#define CK_LANES 16
#pragma clang diagnostic ignored "-Wpsabi"

/// 1 when this is an AArch64 processor with the dot product of bytes, otherwise 0.
int ck_has_dotprod(void);
/// 1 when this is an AArch64 processor that multiplies small matrices of bytes, otherwise 0.
int ck_has_i8mm(void);
/// 1 when this is an x86 processor that multiplies tiles of bytes and of bfloat16, otherwise 0.
int ck_has_tiles(void);
/// Asks the system to keep tiles for the threads of this process: 1 when it does, otherwise 0. The processor has tiles.
int ck_permits_tiles(void);
/// The answer to that where the system keeps some of the processor's states: `request` asks it for tiles, and is not called
/// where it keeps none.
int ck_grants_tiles(uint64_t states, int (*request)(void));

CK_INLINE float ck_from_bf16(uint16_t bits) {
    uint32_t wide = (uint32_t)bits << 16;
    float value;
    memcpy(&value, &wide, sizeof value);
    return value;
}

CK_INLINE float ck_from_f16(_Float16 half) { return (float)half; }
CK_INLINE float ck_from_f32(float value) { return value; }

/// exp(x) to about 2 ulp, in a form that compilers vectorise: 2^(x / ln 2) with the fraction's power by a polynomial
/// (Cephes' expf coefficients). Clamped to the range of normal floats; NaN stays NaN.
CK_INLINE float ck_expf(float x) {
    x = x > 88.3762626647949f ? 88.3762626647949f : x;
    float low = x < -87.33654f ? -87.33654f : x;
    float scaled = low * 1.44269504088896341f + 12582912.0f;  // 1.5 · 2^23: the integer lands in the low bits
    float whole = scaled - 12582912.0f;
    float r = low - whole * 0.693359375f;
    r = r + whole * 2.12194440e-4f;
    float p = 1.9875691500e-4f;
    p = p * r + 1.3981999507e-3f;
    p = p * r + 8.3334519073e-3f;
    p = p * r + 4.1665795894e-2f;
    p = p * r + 1.6666665459e-1f;
    p = p * r + 5.0000001201e-1f;
    p = p * r * r + r + 1.0f;
    int32_t bits;
    memcpy(&bits, &scaled, sizeof bits);
    int32_t power = (int32_t)((uint32_t)(bits - 0x4b400000 + 127) << 23);
    float factor;
    memcpy(&factor, &power, sizeof factor);
    float result = p * factor;
    return x < -87.33654f ? 0.0f : result;
}

CK_INLINE float ck_sigmoidf(float x) { return 1.0f / (1.0f + ck_expf(-x)); }

CK_INLINE float ck_siluf(float x) { return x / (1.0f + ck_expf(-x)); }

/// log(1 + e^x) = max(x, 0) + log(1 + y), y = e^−|x| ≤ 1; log(1 + y) = 2 artanh(z), z = y / (2 + y) ≤ 1/3, whose series is
/// exact to rounding after eight terms, however small y is.
CK_INLINE float ck_softplusf(float x) {
    float y = ck_expf(x > 0 ? -x : x), z = y / (2 + y), square = z * z;
    float series = 1.0f / 15;
    series = series * square + 1.0f / 13;
    series = series * square + 1.0f / 11;
    series = series * square + 1.0f / 9;
    series = series * square + 1.0f / 7;
    series = series * square + 1.0f / 5;
    series = series * square + 1.0f / 3;
    series = series * square + 1.0f;
    return (x > 0 ? x : 0) + 2 * z * series;
}

#endif
