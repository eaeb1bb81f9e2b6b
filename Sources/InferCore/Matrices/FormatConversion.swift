internal import CKernels
internal import Synchronization

/// The conversion of a matrix's rows to another format by several threads, which counts what cannot be told in it.
@safe final class FormatConversion: Sendable {
  private let source: WeightFormat
  private let target: WeightFormat
  private let quantize: WeightFormat.Quantize
  private let weigh: WeightFormat.QuantizeWeighted?
  private let importance: ColumnImportance?
  private let columns: Int
  private let name: String
  // Safe because each worker has a part of its own.
  nonisolated(unsafe) private let floats: AlignedBuffer
  nonisolated(unsafe) private let panels: AlignedBuffer
  private let broken = Atomic(0)

  /// A conversion by workers `0 ..< workers`.
  ///
  /// - Parameters:
  ///   - source: the format of the weights.
  ///   - target: the format wanted.
  ///   - columns: the number of columns.
  ///   - name: the tensor's name, for errors.
  ///   - importance: the importance of the columns; `nil` where all count alike.
  ///   - workers: the number of workers.
  /// - Throws: ``ModelError/tensor(name:reason:)`` when the weights are quantised already, the target is read only, or
  ///   there is no importance for it, or for another number of columns.
  init(
    from source: WeightFormat, to target: WeightFormat, columns: Int, of name: String,
    importance: ColumnImportance? = nil, workers: Int
  ) throws(ModelError) {
    guard source.isSource else {
      throw .tensor(
        name: name, reason: "is \(source.name) already; quantising to \(target.name) needs F32, F16, BF16 or FP8")
    }
    guard let quantize = unsafe target.quantize else {
      throw .tensor(name: name, reason: "cannot become \(target.name), which is read only")
    }
    guard importance != nil || !target.needsImportance else {
      throw .tensor(
        name: name,
        reason: "cannot become \(target.name) without its part of an importance matrix, which `infer-serve imatrix` "
          + "makes")
    }
    if let importance, importance.columns != columns {
      throw .tensor(
        name: name, reason: "has \(columns) columns, and the importance matrix \(importance.columns) numbers for it")
    }
    unsafe self.quantize = unsafe quantize
    unsafe weigh = unsafe target.quantizeWeighted
    self.importance = importance
    self.source = source
    self.target = target
    self.columns = columns
    self.name = name
    unsafe floats = AlignedBuffer(byteCount: workers * columns * MemoryLayout<Float>.stride)
    unsafe panels = AlignedBuffer(byteCount: workers * PackedMatrix.panelRows * target.bytes(columns))
  }

  /// The rows of a panel, or as many of them as there are, in the target's format. They stay until the worker's next call.
  ///
  /// - Parameter place: the number of the matrix among those of its tensor.
  func convert(_ rows: Range<Int>, of matrix: Matrix, place: Int, worker: Int) -> UnsafeRawPointer {
    let rowBytes = target.bytes(columns)
    let base = unsafe panels.base + worker * PackedMatrix.panelRows * rowBytes
    for (index, row) in rows.enumerated() {
      unsafe convert(matrix.row(row), place: place, into: base + index * rowBytes, worker: worker)
    }
    return UnsafeRawPointer(base)
  }

  /// Writes a row in the target's format. No two calls with the same worker overlap.
  func convert(_ row: UnsafeRawPointer, place: Int, into out: UnsafeMutableRawPointer, worker: Int) {
    let values = unsafe floats.base.assumingMemoryBound(to: Float.self) + worker * columns
    unsafe source.unpack(values, row, columns)
    if let importance, let weigh = unsafe weigh {
      unsafe importance.of(place).withUnsafeBufferPointer { unsafe weigh(out, values, $0.baseAddress, columns) }
    } else {
      unsafe quantize(out, values, columns)
    }
    // Numbers that overflow 16 bits become infinite there.
    if !target.isQuantized { unsafe target.unpack(values, out, columns) }
    let count = unsafe ck_count_nonfinite(values, columns)
    if count > 0 { broken.wrappingAdd(count, ordering: .relaxed) }
  }

  /// Checks what was converted so far.
  ///
  /// - Throws: ``ModelError/tensor(name:reason:)`` when some weights are no finite numbers or beyond the format's range.
  func checkAllFinite() throws(ModelError) {
    let count = broken.load(ordering: .relaxed)
    guard count == 0 else {
      throw .tensor(name: name, reason: "\(count) numbers are NaN, infinite or beyond the range of \(target.name)")
    }
  }
}
