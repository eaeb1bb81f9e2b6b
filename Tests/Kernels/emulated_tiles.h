// The tiles of AMX in plain C, beside the processor's own vectors: for programs that compute with the row `amx` on a machine
// that has all of it but the tiles. They are there for those who ask for them, since they are slow.
#undef _tile_zero
#undef _tile_loadd
#undef _tile_stored
#undef _tile_dpbssd
#undef _tile_dpbf16ps
// What the compiler's own header declares keeps its names.
#define _tile_loadconfig emulated_tile_loadconfig
#define _tile_release emulated_tile_release
#define _tile_zero emulated_tile_zero
#define _tile_loadd emulated_tile_loadd
#define _tile_stored emulated_tile_stored
#define _tile_dpbssd emulated_tile_dpbssd
#define _tile_dpbf16ps emulated_tile_dpbf16ps
// For the processor whose vectors are used as well: multiplying and adding with one rounding is a call on others.
#pragma clang attribute push(__attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx2,fma"))), apply_to = function)
#include "tile_emulation.h"
#pragma clang attribute pop

/// Those who ask by name have them, and a system that gives no leave to use them.
static inline int ck_has_emulated_tiles(void) {
    const char *name = getenv("INFER_SERVE_ISA");
    return (name && strcmp(name, "amx") == 0) || !ck_emulates_leave();
}
