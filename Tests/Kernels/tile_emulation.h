// The tiles of AMX in plain C, as Intel's manual describes them. What the processor refuses ends the program.
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/// The system gives leave to use tiles unless the environment has this variable.
static inline int ck_emulates_leave(void) { return !getenv("EMULATED_SYSTEM_FORBIDS_TILES"); }

static _Thread_local struct {
    int is_configured;
    size_t rows[8], row_bytes[8];
    uint8_t data[8][16][64];
} tiles;

static inline void tiles_require(int condition, const char *what) {
    if (condition) return;
    fprintf(stderr, "\ntiles: %s\n", what);
    abort();
}

static inline void _tile_loadconfig(const void *shapes) {
    const uint8_t *bytes = shapes;
    memset(&tiles, 0, sizeof tiles);
    tiles_require(bytes[0] == 1 && bytes[1] == 0, "palette 1, from the first row on");
    for (int i = 2; i < 16; i++) tiles_require(bytes[i] == 0, "reserved bytes are zero");
    for (int i = 0; i < 16; i++) {
        uint16_t row_bytes;
        memcpy(&row_bytes, bytes + 16 + 2 * i, sizeof row_bytes);
        tiles_require(i < 8 ? row_bytes <= 64 && bytes[48 + i] <= 16 : row_bytes == 0 && bytes[48 + i] == 0,
                      "eight tiles of up to sixteen rows of 64 bytes");
        if (i < 8) tiles.row_bytes[i] = row_bytes, tiles.rows[i] = bytes[48 + i];
    }
    tiles.is_configured = 1;
}

static inline void _tile_release(void) { memset(&tiles, 0, sizeof tiles); }

static inline void tiles_use(int tile) {
    tiles_require(tiles.is_configured && tiles.rows[tile] > 0 && tiles.row_bytes[tile] > 0, "a tile without a shape");
}

static inline void _tile_zero(int tile) {
    tiles_use(tile);
    memset(tiles.data[tile], 0, sizeof tiles.data[tile]);
}

static inline void _tile_loadd(int tile, const void *base, size_t stride) {
    tiles_use(tile);
    memset(tiles.data[tile], 0, sizeof tiles.data[tile]);
    for (size_t i = 0; i < tiles.rows[tile]; i++)
        memcpy(tiles.data[tile][i], (const char *)base + i * stride, tiles.row_bytes[tile]);
}

static inline void _tile_stored(int tile, void *base, size_t stride) {
    tiles_use(tile);
    for (size_t i = 0; i < tiles.rows[tile]; i++)
        memcpy((char *)base + i * stride, tiles.data[tile][i], tiles.row_bytes[tile]);
}

/// The words of a row that a product goes over.
static inline size_t tiles_depth(int sum, int a, int b) {
    tiles_use(sum), tiles_use(a), tiles_use(b);
    tiles_require(sum != a && sum != b && a != b, "three different tiles");
    tiles_require(tiles.rows[sum] == tiles.rows[a] && tiles.row_bytes[sum] == tiles.row_bytes[b] &&
                      tiles.row_bytes[a] == 4 * tiles.rows[b] && tiles.row_bytes[sum] % 4 == 0,
                  "shapes that fit together");
    return tiles.rows[b];
}

static inline void _tile_dpbssd(int sum, int a, int b) {
    const size_t depth = tiles_depth(sum, a, b), width = tiles.row_bytes[sum] / 4;
    int32_t right[64][16];
    for (size_t k = 0; k < 4 * depth; k++)
        for (size_t j = 0; j < width; j++) right[k][j] = (int8_t)tiles.data[b][k / 4][4 * j + k % 4];
    for (size_t i = 0; i < tiles.rows[sum]; i++) {
        int32_t total[16];
        memcpy(total, tiles.data[sum][i], 4 * width);
        for (size_t k = 0; k < 4 * depth; k++)
            for (size_t j = 0; j < width; j++) total[j] += (int8_t)tiles.data[a][i][k] * right[k][j];
        memcpy(tiles.data[sum][i], total, 4 * width);
    }
}

static inline float tiles_bf16(const uint8_t *bytes) {
    uint32_t bits = (uint32_t)bytes[0] << 16 | (uint32_t)bytes[1] << 24;
    // Numbers below the least normal one are zero.
    if (!(bits & 0x7f800000)) bits &= 0x80000000;
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static inline float tiles_flush(float x) { return fabsf(x) < 0x1p-126f ? copysignf(0, x) : x; }

/// Even and odd columns are added up apart, from zero, and then to the sum.
static inline void _tile_dpbf16ps(int sum, int a, int b) {
    const size_t depth = tiles_depth(sum, a, b), width = tiles.row_bytes[sum] / 4;
    float right[16][2][16];
    for (size_t k = 0; k < depth; k++)
        for (size_t c = 0; c < 2; c++)
            for (size_t j = 0; j < width; j++) right[k][c][j] = tiles_bf16(&tiles.data[b][k][4 * j + 2 * c]);
    for (size_t i = 0; i < tiles.rows[sum]; i++) {
        float total[16], part[2][16] = {{0}};
        memcpy(total, tiles.data[sum][i], 4 * width);
        for (size_t k = 0; k < depth; k++)
            for (size_t c = 0; c < 2; c++) {
                const float left = tiles_bf16(&tiles.data[a][i][4 * k + 2 * c]);
                for (size_t j = 0; j < width; j++)
                    part[c][j] = tiles_flush(fmaf(left, right[k][c][j], part[c][j]));
            }
        for (size_t j = 0; j < width; j++)
            total[j] = tiles_flush(tiles_flush(total[j]) + tiles_flush(part[0][j] + part[1][j]));
        memcpy(tiles.data[sum][i], total, 4 * width);
    }
}
