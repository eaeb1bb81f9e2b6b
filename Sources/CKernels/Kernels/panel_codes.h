// Codes and scales of panels of quantised weights as vectors: what all products of panels begin with.

/// Codes of a block: group i of four columns, sixteen rows.
typedef struct {
    ck_u8x64 group[8];
} block_codes;

CK_INLINE ck_u8x64 load(const uint8_t *p) {
    ck_u8x64 v;
    memcpy(&v, p, sizeof v);
    return v;
}

CK_INLINE ck_f32x16 load_f16(const uint8_t *p) {
    ck_f16x16 v;
    memcpy(&v, p, sizeof v);
    return __builtin_convertvector(v, ck_f32x16);
}

CK_INLINE ck_u8x16 load_bytes(const uint8_t *p) {
    ck_u8x16 v;
    memcpy(&v, p, sizeof v);
    return v;
}

/// Asks for `count` bytes that stand `ahead` of `p`, unless that is zero.
CK_INLINE void fetch(const uint8_t *p, size_t count, size_t ahead) {
    if (ahead)
        for (size_t i = 0; i < count; i += 64) __builtin_prefetch(p + ahead + i);
}

/// What the codes of a block are multiplied with.
CK_INLINE block_codes decode(ck_panel_kind kind, const uint8_t *codes, const uint8_t *high, const ck_values *values) {
    block_codes w;
    if (kind.bits == 8) {
        for (int i = 0; i < 8; i++) w.group[i] = load(codes + 64 * i);
        return w;
    }
    for (int i = 0; i < 4 && kind.bits >= 4; i++) {
        ck_u8x64 pair = load(codes + 64 * i);
        w.group[i] = pair & 15;
        w.group[i + 4] = pair >> 4;
    }
    for (int i = 0; i < 2 && kind.bits <= 3; i++) {
        ck_u8x64 four = load(codes + 64 * i);
        for (int s = 0; s < 4; s++) w.group[i + 2 * s] = (four >> (2 * s)) & 3;
    }
    if (kind.bits == 3) {
        ck_u8x64 bits = load(high);
        for (int i = 0; i < 2; i++) w.group[i] |= (bits << (2 - i)) & 4;
        for (int i = 2; i < 8; i++) w.group[i] |= (bits >> (i - 2)) & 4;
    }
    if (kind.bits == 5) {
        ck_u8x64 bits = load(high);
        for (int i = 0; i < 4; i++) w.group[i] |= (bits << (4 - i)) & 16;
        for (int i = 4; i < 8; i++) w.group[i] |= (bits >> (i - 4)) & 16;
    }
    if (kind.bits == 6) {
        for (int h = 0; h < 2; h++) {
            ck_u8x64 bits = load(high + 64 * h);
            w.group[4 * h] |= (bits << 4) & 48;
            w.group[4 * h + 1] |= (bits << 2) & 48;
            w.group[4 * h + 2] |= bits & 48;
            w.group[4 * h + 3] |= (bits >> 2) & 48;
        }
    }
    if (kind.values)
        for (int i = 0; i < 8; i++) w.group[i] = look_up(values->value, w.group[i]);
    return w;
}

/// Scales that stand in no super-block.
CK_INLINE ck_f32x16 load_scales(ck_panel_kind kind, const uint8_t *p) {
    if (kind.scale == CK_SCALE_HALF) return load_f16(p);
    // See ck_power_value and ck_e4m3_value; halves are turned without delay where they have no leading one.
    if (kind.scale == CK_SCALE_E4M3) {
        ck_f16x16 halves = (ck_f16x16)(__builtin_convertvector(load_bytes(p), ck_u16x16) << 7);
        return __builtin_convertvector(halves, ck_f32x16) * 128;
    }
    ck_u32x16 wide = __builtin_convertvector(load_bytes(p), ck_u32x16);
    ck_u32x16 few = (ck_u32x16)(wide < 2);
    return (ck_f32x16)((((wide - 1) << 23) & ~few) | ((0x00200000u << (wide & 1)) & few));
}

/// The six-bit scales, then mins, of a super-block of Q4_K or Q5_K as bytes, sixteen rows each.
CK_INLINE void unpack_scales(uint8_t out[256], const uint8_t *packed) {
    ck_u8x64 upper = {0};
    for (int i = 0; i < 3; i++) {
        ck_u8x64 v = load(packed + 64 * i);
        ck_u8x64 low = v & 63;
        memcpy(out + 64 * i, &low, sizeof low);
        upper |= i == 0 ? v >> 6 : i == 1 ? (v >> 4) & 12 : (v >> 2) & 48;
    }
    memcpy(out + 192, &upper, sizeof upper);
}
