// The processor's own vector instructions, and the leave to use them in a function of a program for any processor.
#ifndef CK_INTRINSICS_H
#define CK_INTRINSICS_H

#if defined(CK_EMULATION)
// Tests name a header here that spells the instructions in plain C, to run variants that their machine lacks.
#include CK_EMULATION

#define CK_TARGET(FEATURES)
#define CK_BEGIN_TARGET(FEATURES)
#define CK_END_TARGET
#else
#if defined(__x86_64__)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

#define CK_PRAGMA(TEXT) _Pragma(#TEXT)
/// Compiles a function for a processor that has `FEATURES`, or all functions from here to CK_END_TARGET.
#define CK_TARGET(FEATURES) __attribute__((target(FEATURES)))
#define CK_BEGIN_TARGET(FEATURES) \
    CK_PRAGMA(clang attribute push(__attribute__((target(FEATURES))), apply_to = function))
#define CK_END_TARGET CK_PRAGMA(clang attribute pop)
#endif

#endif
