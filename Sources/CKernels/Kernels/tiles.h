// Tiles of AMX: eight registers of up to sixteen rows of 64 bytes, whose shapes a thread configures.
//
// Kernels configure the tiles they use and release them when they end: a thread that is idle, or computes something else,
// has none, so that the system has no 8 KiB of them to keep when it switches threads, and the processor may sleep.
//
// Tiles 0 … 3 hold sums: sixteen rows of activations by sixteen rows of weights. 4 and 5 hold activations, 6 and 7 weights,
// and 5 weights where all tiles have one shape: four columns of bytes or two of bfloat16 are a word, and a row of a tile of
// weights is a word of each row of weights.

/// Rows of activations, and of weights, of a tile.
enum { CK_TILE_ROWS = 16 };

/// The shapes of the tiles, as the instruction that loads them reads them.
typedef struct {
    uint8_t palette, start_row, reserved[14];
    uint16_t row_bytes[16];
    uint8_t rows[16];
} tile_shapes;
_Static_assert(sizeof(tile_shapes) == 64, "the processor reads 64 bytes");

/// Shapes for products of `words` words a row, of `tokens` rows of activations.
CK_INLINE void configure_tiles(int words, int tokens) {
    tile_shapes shapes = {.palette = 1};
    for (int i = 0; i < 8; i++) {
        shapes.rows[i] = (uint8_t)(i < 6 ? tokens : words);
        shapes.row_bytes[i] = (uint16_t)(i == 4 || i == 5 ? 4 * words : 64);
    }
    _tile_loadconfig(&shapes);
}
