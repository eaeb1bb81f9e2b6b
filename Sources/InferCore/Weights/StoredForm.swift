internal import InferText

/// The way in which a checkpoint stores a tensor that layers read in another form: under another name, and as numbers that
/// its own are computed from.
///
/// Layers know one name and one layout of every tensor. Forms belong to a model's family, and a scope applies them; a family's
/// are applied to all that it reads.
public struct StoredForm: Sendable {
  /// The end of the name that layers read, of whole components.
  let name: String
  /// The end of the stored tensor's name in its place.
  let stored: String
  /// The stored tensor's sizes; `nil` for those that layers read.
  let shape: [Int]?
  /// Makes the tensor that layers read; `nil` where that is the same.
  let read: (@Sendable (Tensor) throws(ModelError) -> Tensor)?

  /// A tensor that is stored under another name.
  ///
  /// - Parameters:
  ///   - name: The end of the name that layers read, such as `A` or `k_b_proj.weight`.
  ///   - stored: The end of the stored tensor's name.
  public static func renamed(_ name: String, from stored: String) -> StoredForm { StoredForm(name, from: stored) }

  /// A form.
  ///
  /// - Parameters:
  ///   - name: The end of the name that layers read, such as `A` or `k_b_proj.weight`.
  ///   - stored: The end of the stored tensor's name, which takes its place.
  ///   - shape: The stored tensor's sizes; by default those that layers read.
  ///   - read: Makes the tensor that layers read of the stored one; by default it is the same.
  package init(
    _ name: String, from stored: String, shape: [Int]? = nil,
    _ read: (@Sendable (Tensor) throws(ModelError) -> Tensor)? = nil
  ) {
    self.name = name
    self.stored = stored
    self.shape = shape
    self.read = read
  }

  /// The name of the tensor that stands for `full`; `nil` where the form is one of other tensors.
  func storedName(of full: String) -> String? {
    if full.isExactly(name) { return stored }
    return full.removing(exactSuffix: "." + name).map { "\($0).\(stored)" }
  }
}

/// The beginning of names in a checkpoint that stands in place of another: models inside others have longer paths than by
/// themselves.
public struct StoredPrefix: Sendable {
  /// The beginning of the names that layers read.
  let prefix: String
  /// The beginning of the stored tensors' names in its place.
  let stored: String

  /// A prefix, whole components with the dot behind them, and the one that tensors are stored under.
  public init(_ prefix: String, stored: String) {
    self.prefix = prefix
    self.stored = stored
  }

  /// The name of the tensor that stands for `full`; `nil` for names that begin otherwise.
  package func storedName(of full: String) -> String? { full.removing(exactPrefix: prefix).map { stored + $0 } }

  /// The name that layers read a stored tensor under; `nil` for those whose names begin otherwise.
  package func name(of stored: String) -> String? { stored.removing(exactPrefix: self.stored).map { prefix + $0 } }
}

/// A tensor as layers read it, and the one of the checkpoint that it is made of or the same as.
struct ReadTensor: Sendable {
  let tensor: Tensor
  let stored: Tensor
  /// `true` when the two are the same.
  let isDirect: Bool
  /// `true` when layers read the stored tensor's rows and columns as they are, under whichever name.
  let isInPlace: Bool
  /// `false` for a matrix that another stage of the model multiplies with.
  var isHere = true
}
