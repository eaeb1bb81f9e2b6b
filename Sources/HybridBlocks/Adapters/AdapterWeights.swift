internal import Foundation
internal import InferCore
internal import InferText

/// An adapter that was read for a model: its pairs of matrices, by the tensors of the model's checkpoint.
struct AdapterWeights {
  /// The adapter.
  let adapter: Adapter
  /// The pairs of matrices, by the names of the checkpoint's tensors.
  private(set) var pairs: TextDictionary<LowRankPair> = [:]
  /// A hash of all that it adds.
  let hash: [UInt8]

  /// Reads an adapter and checks that it fits a model.
  ///
  /// - Throws: `ModelError` when the adapter is malformed, of a kind that is not supported, or for another model.
  init(_ adapter: Adapter, for target: AdapterTarget) throws(ModelError) {
    self.adapter = adapter
    let modules = try adapter.files().modules(of: target)
    guard !modules.isEmpty else { throw .malformed(at: adapter.url, reason: "is an adapter that adds to no layer") }
    for module in modules {
      let weight = module.weight
      let pair = try LowRankPair(module.a, module.b, scale: module.scale * Float(adapter.scale))
      guard weight.shape == [pair.rows, pair.columns] else {
        throw .tensor(
          name: module.b.name,
          reason: "and \(module.a.name) of \(adapter.url.displayPath) add to a matrix of "
            + "\([pair.rows, pair.columns]), and \(weight.name) of the model is \(weight.shape): "
            + "it is an adapter of another model")
      }
      guard pairs.updateValue(pair, forKey: weight.name) == nil else {
        throw .tensor(
          name: module.b.name, reason: "of \(adapter.url.displayPath) adds to \(weight.name), as another pair does")
      }
    }
    var hash = SHA256()
    for name in pairs.keys.sorted() {
      hash.update(data: Array(name.utf8) + [0])
      pairs[name]?.add(to: &hash)
    }
    self.hash = hash.finalize()
  }

  /// Refuses an adapter that adds to tensors which the model does not read, as those of a head that is the embedding.
  func check(read names: [String]) throws(ModelError) {
    let names = Set(names.map { ExactText($0) })
    guard let name = pairs.keys.sorted().first(where: { !names.contains(ExactText($0)) }) else { return }
    throw .tensor(
      name: name, reason: "is no part of the model that is read, and \(adapter.url.displayPath) adds to it")
  }

  /// Refuses an adapter that adds to tensors whose products it cannot be added to.
  func check(unadapted names: [String]) throws(ModelError) {
    guard let name = names.first else { return }
    throw .tensor(
      name: name,
      reason: "is multiplied with in a way that leaves no room for adapters, as experts are, and "
        + "\(adapter.url.displayPath) adds to it; quantize --lora adds it to the weights")
  }
}

/// The files of an adapter, open.
protocol AdapterFiles {
  /// The pairs of matrices, and the modules of a model that they are for.
  ///
  /// - Throws: `ModelError` when halves are missing, when there are other tensors, or when the model has no such
  ///   module.
  func modules(of target: AdapterTarget) throws(ModelError) -> [AdapterModule]
}

/// A module of the model and an adapter's matrices for it, unchecked.
struct AdapterModule {
  /// The weights of the module, in the checkpoint.
  let weight: Tensor
  /// `[rank × columns]`.
  let a: Tensor
  /// `[rows × rank]`.
  let b: Tensor
  /// The factor of their product.
  let scale: Float
}

/// A model that adapters are read for.
struct AdapterTarget {
  /// Its tensors, under the names that families read.
  let checkpoint: Checkpoint
  /// The family.
  let family: any ModelFamily
  /// Whether the tensors stand in a file of llama.cpp's.
  let isForeign: Bool

  /// The weights of a module with the name that transformers has for it, or that it has in a class that holds the model
  /// or is held by it.
  func weight(ofModule module: String) -> Tensor? {
    let name = module + ".weight"
    if let tensor = checkpoint.tensors[name] { return tensor }
    var names = ["model." + name]
    for prefix in family.storedPrefixes {
      names += [prefix.storedName(of: name), prefix.name(of: name)].compactMap(\.self)
    }
    return names.lazy.compactMap { checkpoint.tensors[$0] }.first
  }

  /// The error about a tensor that is for no module of the model.
  func unknown(_ tensor: Tensor, _ module: String, _ file: URL) -> ModelError {
    .tensor(
      name: tensor.name,
      reason: "of \(file.displayPath) is for \(module), and the model has no tensor \(module).weight: "
        + "it is an adapter of another model")
  }
}

extension Checkpoint {
  /// This checkpoint, with what an adapter adds to its matrices.
  ///
  /// - Throws: `ModelError` when one of them is no matrix of numbers.
  func adding(_ adapter: AdapterWeights) throws(ModelError) -> Checkpoint {
    var tensors = tensors
    for (name, pair) in adapter.pairs {
      if let tensor = tensors[name] { tensors[name] = try tensor.adding(pair) }
    }
    return Checkpoint(tensors)
  }
}
