internal import CBLAS

/// BLAS counts in 32 bits.
func blas(_ value: Int) -> Int32 { Int32(value) }

/// Solves `L · X = B` in place of `B`, `[rows × columns]`, for a lower triangular `L`, `[rows × rows]`, whose diagonal is
/// one. The diagonal and what is above it are not read.
func solveUnitLower(
  _ l: UnsafePointer<Float>, rows: Int, _ b: UnsafeMutablePointer<Float>, columns: Int
) {
  unsafe cblas_strsm(
    CblasRowMajor, CblasLeft, CblasLower, CblasNoTrans, CblasUnit, blas(rows), blas(columns), 1, l, blas(rows), b,
    blas(columns))
}
