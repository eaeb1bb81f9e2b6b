internal import Synchronization

/// A cursor over a checkpoint's names: `scope["model"]["layers"][3].matrix("mlp.up_proj.weight", …)`.
///
/// Every read states the shape that the configuration implies and checks it at once. What was read is
/// remembered, so that a tensor nobody asked for can be reported.
public struct WeightScope: Sendable {
  /// Path of this scope, with a trailing dot unless it is the root.
  public let prefix: String
  private let shared: Shared

  private final class Shared: Sendable {
    let checkpoint: Checkpoint
    let read = Mutex<Set<String>>([])
    init(_ checkpoint: Checkpoint) { self.checkpoint = checkpoint }
  }

  /// The root of a checkpoint.
  public init(_ checkpoint: Checkpoint) {
    prefix = ""
    shared = Shared(checkpoint)
  }

  private init(prefix: String, shared: Shared) {
    self.prefix = prefix
    self.shared = shared
  }

  /// The scope of names that begin with `component.`.
  public subscript(component: String) -> WeightScope {
    WeightScope(prefix: prefix + component + ".", shared: shared)
  }

  /// The scope of one element of a list.
  public subscript(index: Int) -> WeightScope { self[String(index)] }

  /// Whether a tensor exists.
  public func has(_ name: String) -> Bool { shared.checkpoint.tensors[prefix + name] != nil }

  /// A matrix `[rows × columns]`, in place.
  public func matrix(_ name: String, rows: Int, columns: Int) throws(ModelError) -> Matrix {
    try tensor(name, shape: [rows, columns]).matrix(rows: rows, columns: columns)
  }

  /// A stack of `count` matrices `[count × rows × columns]`, in place.
  public func matrices(_ name: String, count: Int, rows: Int, columns: Int) throws(ModelError) -> [Matrix] {
    let stack = try tensor(name, shape: [count, rows, columns]).matrix(rows: count * rows, columns: columns)
    return (0..<count).map { stack.rows($0 * rows..<($0 + 1) * rows) }
  }

  /// A vector, as floats of its own.
  public func vector(_ name: String, count: Int) throws(ModelError) -> [Float] {
    try tensor(name, shape: [count]).matrix(rows: 1, columns: count).floats()
  }

  /// A depthwise convolution's weights, on disk `[channels × 1 × taps]`, as `[taps × channels]` floats: one
  /// contiguous row a tap, which is how the kernel walks them.
  public func convolution(_ name: String, channels: Int, taps: Int) throws(ModelError) -> [Float] {
    let values = try tensor(name, shape: [channels, 1, taps]).matrix(rows: channels, columns: taps).floats()
    var transposed = [Float](repeating: 0, count: values.count)
    for channel in 0..<channels {
      for tap in 0..<taps { transposed[tap * channels + channel] = values[channel * taps + tap] }
    }
    return transposed
  }

  /// Marks tensors of this scope as known and unused: everything whose name begins with `name`.
  public func discard(_ name: String) {
    let full = prefix + name
    let names = shared.checkpoint.tensors.keys.filter { $0.hasPrefix(full) }
    shared.read.withLock { $0.formUnion(names) }
  }

  /// Names nobody has read or discarded, sorted.
  public var unread: [String] {
    let read = shared.read.withLock { $0 }
    return shared.checkpoint.tensors.keys.filter { !read.contains($0) }.sorted()
  }

  /// Every tensor that was read.
  public var readTensors: [Tensor] {
    let read = shared.read.withLock { $0 }
    return shared.checkpoint.tensors.values.filter { read.contains($0.name) }
  }

  private func tensor(_ name: String, shape: [Int]) throws(ModelError) -> Tensor {
    let full = prefix + name
    guard let tensor = shared.checkpoint.tensors[full] else {
      throw .tensor(name: full, reason: "is missing, expected \(shape)")
    }
    guard tensor.shape == shape else {
      throw .tensor(name: full, reason: "has shape \(tensor.shape), expected \(shape)")
    }
    _ = shared.read.withLock { $0.insert(full) }
    return tensor
  }
}
