// The vector instructions of x86 in plain C, by SIMDe.
#define SIMDE_NO_NATIVE
#define SIMDE_ENABLE_NATIVE_ALIASES
#include <simde/x86/avx512.h>
#include <simde/x86/fma.h>

// Vectors wider than the machine's registers pass between functions of one file only.
#pragma clang diagnostic ignored "-Wpsabi"

// SIMDe 0.7.4 has no alias for this type, and gives that of this function the arguments of its masked form.
typedef simde__mmask64 __mmask64;
#undef _mm512_madd_epi16
#define _mm512_madd_epi16(a, b) simde_mm512_madd_epi16(a, b)

// Nor has it one for processors without AVX-512.
#define _mm256_dpbusd_avx_epi32(sum, a, b) simde_mm256_dpbusd_epi32(sum, a, b)

#include "tile_emulation.h"
