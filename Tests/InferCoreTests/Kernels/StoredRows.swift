@testable import InferCore

extension KVType {
  /// The numbers of a row as the cache keeps them.
  func stored(_ row: [Float]) -> [Float] {
    switch self {
    case .f32: row
    case .f16: row.map { Float(Float16($0)) }
    case .q8_0: Matrix(format: .q8_0, rows: 1, columns: row.count, values: row).floats()
    }
  }
}
