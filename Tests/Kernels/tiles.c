// Products of tiles, the processor's or the emulated ones, against plain loops.
#include "check.h"

#if defined(__x86_64__)
#include "ck_internal.h"
#include "ck_intrinsics.h"

CK_BEGIN_TARGET("amx-tile,amx-int8,amx-bf16")

#include "Kernels/tiles.h"

/// Sums that begin somewhere, in rows that lie further apart than they are long.
static void test_bytes(size_t tokens, size_t words) {
    int8_t x[16][64], w[16][64];
    int32_t sums[16][20], want[16][20];
    for (size_t i = 0; i < 16; i++)
        for (size_t j = 0; j < 64; j++) {
            x[i][j] = (int8_t)(127 * random_float());
            w[i][j] = (int8_t)(128 * random_float());
        }
    for (size_t i = 0; i < 16; i++)
        for (size_t j = 0; j < 20; j++) {
            want[i][j] = sums[i][j] = (int32_t)(1e6f * random_float());
            for (size_t k = 0; k < 4 * words && i < tokens && j < 16; k++)
                want[i][j] += x[i][k] * w[k / 4][4 * j + k % 4];
        }
    configure_tiles((int)words, (int)tokens);
    _tile_loadd(1, sums, sizeof *sums);
    _tile_loadd(5, x, sizeof *x);
    _tile_loadd(7, w, sizeof *w);
    _tile_dpbssd(1, 5, 7);
    _tile_stored(1, sums, sizeof *sums);
    _tile_release();
    check_context("tile of bytes", tokens, words, 0);
    check_that(memcmp(sums, want, sizeof sums) == 0, "exact sums, and no other written");
}

static void test_bf16(size_t tokens, size_t words) {
    uint16_t x[16][32], w[16][32];
    float sums[16][16], alone[16];
    double want[16][16], size[16][16];
    for (size_t i = 0; i < 16; i++)
        for (size_t j = 0; j < 32; j++) {
            float a = random_float(), b = random_float();
            ck_pack_bf16(&x[i][j], &a, 1);
            ck_pack_bf16(&w[i][j], &b, 1);
        }
    for (size_t i = 0; i < 16; i++)
        for (size_t j = 0; j < 16; j++) {
            want[i][j] = sums[i][j] = random_float();
            size[i][j] = fabs(want[i][j]);
            for (size_t k = 0; k < 2 * words && i < tokens; k++) {
                const double product = (double)ck_from_bf16(x[i][k]) * ck_from_bf16(w[k / 2][2 * j + k % 2]);
                want[i][j] += product;
                size[i][j] += fabs(product);
            }
        }
    memcpy(alone, sums[tokens - 1], sizeof alone);
    configure_tiles((int)words, (int)tokens);
    _tile_loadd(2, sums, 64);
    _tile_loadd(4, x, 64);
    _tile_loadd(6, w, 64);
    _tile_dpbf16ps(2, 4, 6);
    _tile_stored(2, sums, 64);
    configure_tiles((int)words, 1);
    _tile_loadd(2, alone, 64);
    _tile_loadd(4, x[tokens - 1], 64);
    _tile_loadd(6, w, 64);
    _tile_dpbf16ps(2, 4, 6);
    _tile_stored(2, alone, 64);
    _tile_release();
    check_context("tile of bf16", tokens, words, 0);
    for (size_t i = 0; i < 16; i++)
        for (size_t j = 0; j < 16; j++) check_close(sums[i][j], want[i][j], 1e-6 * size[i][j]);
    check_that(memcmp(alone, sums[tokens - 1], sizeof alone) == 0, "a row alone as among others");
}

CK_END_TARGET

void test_tiles(void) {
    if (strcmp(ck_isa_name(), "amx") != 0) return;
    for (size_t tokens = 1; tokens <= 16; tokens++)
        for (size_t words = 1; words <= 16; words++) {
            test_bytes(tokens, words);
            test_bf16(tokens, words);
        }
}
#else
void test_tiles(void) {}
#endif
