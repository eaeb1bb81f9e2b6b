// The most that tiles can do; see roofline.h.

/// Four tiles of sums, so that none waits for itself: each gets 16 · 16 sums of COUNT products 3 · 5 a time. They go as
/// often as takes about as long as chains of registers go `rounds` times.
#define CK_DEFINE_TILE_PEAK(NAME, TYPE, COUNT, THREE, FIVE, SUM, PRODUCT)                           \
    CK_KERNEL double CK_ISA(NAME)(size_t rounds, double *sum) {                                     \
        TYPE threes[CK_TILE_ROWS][COUNT], fives[CK_TILE_ROWS][COUNT];                               \
        SUM values[4][CK_TILE_ROWS][CK_TILE_ROWS];                                                  \
        const size_t count = sizeof values / sizeof(SUM), times = (rounds + 7) / 8;                 \
        for (size_t i = 0; i < CK_TILE_ROWS * COUNT; i++) (&threes[0][0])[i] = THREE, (&fives[0][0])[i] = FIVE; \
        configure_tiles(16, CK_TILE_ROWS);                                                          \
        _tile_zero(0);                                                                              \
        _tile_zero(1);                                                                              \
        _tile_zero(2);                                                                              \
        _tile_zero(3);                                                                              \
        _tile_loadd(4, threes, 64);                                                                 \
        _tile_loadd(6, fives, 64);                                                                  \
        for (size_t i = 0; i < times; i++) {                                                        \
            PRODUCT(0, 4, 6);                                                                       \
            PRODUCT(1, 4, 6);                                                                       \
            PRODUCT(2, 4, 6);                                                                       \
            PRODUCT(3, 4, 6);                                                                       \
        }                                                                                           \
        _tile_stored(0, values[0], 64);                                                             \
        _tile_stored(1, values[1], 64);                                                             \
        _tile_stored(2, values[2], 64);                                                             \
        _tile_stored(3, values[3], 64);                                                             \
        _tile_release();                                                                            \
        *sum = 0;                                                                                   \
        for (size_t i = 0; i < count; i++) *sum += (double)(&values[0][0][0])[i];                   \
        return 2.0 * (double)(count * COUNT) * (double)times;                                       \
    }
CK_DEFINE_TILE_PEAK(peak_i8, int8_t, 64, 3, 5, int32_t, _tile_dpbssd)
CK_DEFINE_TILE_PEAK(peak_bf16, uint16_t, 32, 0x4040, 0x40a0, float, _tile_dpbf16ps)
