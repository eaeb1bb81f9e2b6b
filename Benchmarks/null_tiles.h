// Tiles that compute nothing: with them a program takes what the code beside tiles takes. What it computes is meaningless, but
// numbers of a usual size, so that nothing around the tiles takes another way.
#include "../Tests/Kernels/emulated_tiles.h"

static int32_t null_integers[256];
static float null_floats[256];
static const void *null_sums = null_integers;

__attribute__((constructor)) static void make_null_sums(void) {
    for (int i = 0; i < 256; i++) {
        const uint32_t random = (uint32_t)i * 2654435761u >> 8;
        null_integers[i] = (int32_t)(random % 4001) - 2000;
        null_floats[i] = (float)((int32_t)(random % 2001) - 1000) * 1e-3f;
    }
}

/// Stands for the instruction that stores a tile. beside_tiles.py leaves it out.
static __attribute__((noinline)) void null_tile_store(void *at, size_t stride) {
    for (size_t row = 0; row < 16; row++)
        __builtin_memcpy_inline((char *)at + row * stride, (const char *)null_sums + 64 * row, 64);
}

#undef _tile_loadconfig
#undef _tile_release
#undef _tile_zero
#undef _tile_loadd
#undef _tile_stored
#undef _tile_dpbssd
#undef _tile_dpbf16ps
#define _tile_loadconfig(SHAPES) __asm__ volatile("" ::"r"(SHAPES) : "memory")
#define _tile_release() __asm__ volatile("" ::: "memory")
#define _tile_zero(TILE) __asm__ volatile("")
#define _tile_loadd(TILE, AT, STRIDE) __asm__ volatile("" ::"r"(AT), "r"((size_t)(STRIDE)) : "memory")
#define _tile_stored(TILE, AT, STRIDE) null_tile_store(AT, STRIDE)
#define _tile_dpbssd(SUM, A, B) (null_sums = null_integers)
#define _tile_dpbf16ps(SUM, A, B) (null_sums = null_floats)
