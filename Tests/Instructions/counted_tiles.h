// The emulated tiles as calls that products.c tells from the kernels around them, by the sections they lie in.
#include "../Kernels/emulated_tiles.h"

#define CK_COUNTED(SECTION)                                        \
    static __attribute__((noinline, used, section(SECTION),        \
                          target("avx512f,avx512bw,avx512dq,avx512vl,avx2,fma"))) void
CK_COUNTED("tile_other") counted_loadconfig(const void *shapes) { emulated_tile_loadconfig(shapes); }
CK_COUNTED("tile_other") counted_release(void) { emulated_tile_release(); }
CK_COUNTED("tile_other") counted_zero(int tile) { emulated_tile_zero(tile); }
CK_COUNTED("tile_other") counted_loadd(int tile, const void *at, size_t stride) { emulated_tile_loadd(tile, at, stride); }
CK_COUNTED("tile_other") counted_stored(int tile, void *at, size_t stride) { emulated_tile_stored(tile, at, stride); }
CK_COUNTED("tile_product") counted_dpbssd(int sum, int a, int b) { emulated_tile_dpbssd(sum, a, b); }
CK_COUNTED("tile_product") counted_dpbf16ps(int sum, int a, int b) { emulated_tile_dpbf16ps(sum, a, b); }

#undef _tile_loadconfig
#undef _tile_release
#undef _tile_zero
#undef _tile_loadd
#undef _tile_stored
#undef _tile_dpbssd
#undef _tile_dpbf16ps
#define _tile_loadconfig counted_loadconfig
#define _tile_release counted_release
#define _tile_zero counted_zero
#define _tile_loadd counted_loadd
#define _tile_stored counted_stored
#define _tile_dpbssd counted_dpbssd
#define _tile_dpbf16ps counted_dpbf16ps
