// The vector instructions of processors, and the leave to use them in a program for any processor.
#ifndef CK_INTRINSICS_H
#define CK_INTRINSICS_H

#if defined(CK_EMULATION)
// Tests name a header here that spells the instructions in plain C, to run variants that their machine lacks.
#include CK_EMULATION

#define CK_BEGIN_TARGET(FEATURES)
#define CK_END_TARGET
#define CK_SUPPORTS(FEATURE) 1
#define CK_SUPPORTS_TILES 1
#define CK_PERMITS_TILES ck_emulates_leave()
#else
#if defined(__x86_64__)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

#define CK_PRAGMA(TEXT) _Pragma(#TEXT)
/// Compiles all functions from here to CK_END_TARGET for a processor that has `FEATURES`.
#define CK_BEGIN_TARGET(FEATURES) \
    CK_PRAGMA(clang attribute push(__attribute__((target(FEATURES))), apply_to = function))
#define CK_END_TARGET CK_PRAGMA(clang attribute pop)
/// 1 when this x86 processor has a feature, otherwise 0.
#define CK_SUPPORTS(FEATURE) __builtin_cpu_supports(FEATURE)
#if defined(CK_TILE_EMULATION) && defined(__x86_64__)
// Or one that spells those of tiles alone.
#include CK_TILE_EMULATION
#define CK_SUPPORTS_TILES ck_has_emulated_tiles()
#define CK_PERMITS_TILES ck_emulates_leave()
#else
/// 1 when this x86 processor has tiles, otherwise 0. (Compilers do not agree on whether their lists of features have them.)
#define CK_SUPPORTS_TILES ck_has_tiles()
/// 1 when the system allows them, otherwise 0.
#define CK_PERMITS_TILES ck_permits_tiles()
#endif
#endif

#endif
