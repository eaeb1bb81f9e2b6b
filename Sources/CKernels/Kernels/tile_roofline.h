// The most that tiles can do; see roofline.h.

/// Four tiles of sums, 64 products 3 · 5 a round and sum.
CK_KERNEL double CK_ISA(peak_i8)(size_t rounds, double *sum) {
    int8_t threes[CK_TILE_ROWS][64], fives[CK_TILE_ROWS][64];
    int32_t values[4][CK_TILE_ROWS][CK_TILE_ROWS];
    memset(threes, 3, sizeof threes);
    memset(fives, 5, sizeof fives);
    configure_tiles(16, CK_TILE_ROWS);
    _tile_zero(0);
    _tile_zero(1);
    _tile_zero(2);
    _tile_zero(3);
    _tile_loadd(4, threes, 64);
    _tile_loadd(6, fives, 64);
    for (size_t i = 0; i < rounds; i++) {
        _tile_dpbssd(0, 4, 6);
        _tile_dpbssd(1, 4, 6);
        _tile_dpbssd(2, 4, 6);
        _tile_dpbssd(3, 4, 6);
    }
    _tile_stored(0, values[0], 64);
    _tile_stored(1, values[1], 64);
    _tile_stored(2, values[2], 64);
    _tile_stored(3, values[3], 64);
    _tile_release();
    *sum = 0;
    for (size_t i = 0; i < sizeof values / sizeof(int32_t); i++) *sum += (&values[0][0][0])[i];
    return 2.0 * (sizeof values / sizeof(int32_t)) * 64 * (double)rounds;
}
