// Floats to and from the floating-point formats.

CK_KERNEL void CK_ISA(unpack_f16)(float *restrict out, const void *restrict in, size_t n) {
    const _Float16 *restrict half = in;
    for (size_t i = 0; i < n; i++) out[i] = (float)half[i];
}

CK_KERNEL void CK_ISA(unpack_bf16)(float *restrict out, const void *restrict in, size_t n) {
    const uint16_t *restrict half = in;
    for (size_t i = 0; i < n; i++) out[i] = ck_from_bf16(half[i]);
}

CK_KERNEL void CK_ISA(unpack_f32)(float *restrict out, const void *restrict in, size_t n) {
    memcpy(out, in, n * sizeof *out);
}

CK_KERNEL void CK_ISA(pack_f16)(void *restrict out, const float *restrict in, size_t n) {
    _Float16 *restrict half = out;
    for (size_t i = 0; i < n; i++) half[i] = (_Float16)in[i];
}

CK_KERNEL void CK_ISA(pack_bf16)(void *restrict out, const float *restrict in, size_t n) {
    uint16_t *restrict half = out;
    for (size_t i = 0; i < n; i++) {
        uint32_t bits;
        memcpy(&bits, &in[i], sizeof bits);
        uint32_t rounded = (bits + 0x7fff + (bits >> 16 & 1)) >> 16;
        // Rounding a NaN up could carry its fraction away.
        half[i] = (uint16_t)(in[i] == in[i] ? rounded : bits >> 16 | 0x40);
    }
}

CK_KERNEL void CK_ISA(pack_f32)(void *restrict out, const float *restrict in, size_t n) {
    memcpy(out, in, n * sizeof *in);
}

CK_KERNEL size_t CK_ISA(count_nonfinite)(const float *restrict x, size_t n) {
    size_t count = 0;
    for (size_t i = 0; i < n; i++) {
        uint32_t bits;
        memcpy(&bits, &x[i], sizeof bits);
        count += (bits & 0x7f800000u) == 0x7f800000u;
    }
    return count;
}
