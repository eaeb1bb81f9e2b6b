internal import Foundation
internal import InferCore
internal import InferText

/// A GGUF file that holds a low-rank adapter, as llama.cpp's converter writes it: pairs of tensors, beside whose names
/// stand `lora_a` and `lora_b`.
struct GGUFAdapter: AdapterFiles {
  private let file: GGUF
  private let architecture: String
  private let alpha: Double

  /// - Throws: `ModelError` when the file is malformed, or holds something else than a low-rank adapter.
  init(_ url: URL) throws(ModelError) {
    let mapped = try MappedFile(at: url)
    guard GGUF.isOne(mapped) else {
      throw .unreadable(
        at: url,
        reason: "is a file of another kind; expected an adapter: a folder with adapter_config.json, or a GGUF file")
    }
    let file = try GGUF(mapped)
    self.file = file
    func text(_ key: String) throws(ModelError) -> String {
      guard let value = file.metadata[key] else {
        throw .configuration(at: url, key: key, reason: "is missing, expected a string")
      }
      guard let text = value.string else {
        throw .configuration(at: url, key: key, reason: "is \(value.kind), expected a string")
      }
      return text
    }
    for (key, expected) in [("general.type", "adapter"), ("adapter.type", "lora")] {
      let found = try text(key)
      guard found.isExactly(expected) else {
        throw .configuration(at: url, key: key, reason: "is \"\(found.prefix(80))\", expected \"\(expected)\"")
      }
    }
    architecture = try text("general.architecture")
    let alphaKey = "adapter.lora.alpha"
    guard let value = file.metadata[alphaKey] else {
      throw .configuration(at: url, key: alphaKey, reason: "is missing, expected a number")
    }
    guard let alpha = value.double, Float(alpha).isFinite else {
      throw .configuration(at: url, key: alphaKey, reason: "is \(value.kind), expected a finite number")
    }
    self.alpha = alpha
    let known = ["adapter.type", alphaKey]
    let others = file.metadata.keys.filter { $0.hasExactPrefix("adapter.") }
    if let other = others.filter({ key in !known.contains { key.isExactly($0) } }).min() {
      throw .configuration(at: url, key: other, reason: "is not supported, expected an adapter without it")
    }
  }

  func modules(of target: AdapterTarget) throws(ModelError) -> [AdapterModule] {
    guard let rules = Dialects.rules(of: target.family, architecture) else {
      throw .configuration(
        at: file.url, key: "general.architecture",
        reason: "is \"\(architecture.prefix(80))\", and the model is a \(type(of: target.family).models): "
          + "it is an adapter of another model")
    }
    let tensors = TextDictionary(uniqueKeysWithValues: file.tensors.map { ($0.name, $0) })
    let place = file.url.displayPath
    var modules: [AdapterModule] = []
    for tensor in file.tensors {
      let halves = [".lora_a", ".lora_b"]
      guard let half = halves.firstIndex(where: { tensor.name.hasExactSuffix($0) }),
        let stem = tensor.name.removing(exactSuffix: halves[half]), !stem.isExactly("token_embd.weight")
      else {
        throw .tensor(
          name: tensor.name,
          reason: "of \(place) is not supported, expected pairs lora_a and lora_b of linear layers alone")
      }
      guard let other = tensors[stem + halves[1 - half]] else {
        throw .tensor(name: stem + halves[1 - half], reason: "is missing from \(place), expected beside \(tensor.name)")
      }
      guard half == 0 else { continue }
      guard let rule = rules.first(where: { $0.file.contains { $0.isExactly(stem) } }) else {
        throw .tensor(
          name: tensor.name,
          reason: "of \(place) is for \(stem), which the model has not: it is an adapter of another one")
      }
      guard rule.keepsColumns(readingFrom: target) else {
        throw .tensor(
          name: tensor.name,
          reason:
            "of \(place) is for \(stem), which is laid out otherwise in the model; expected the adapter as peft saves it"
        )
      }
      guard let weight = target.checkpoint.tensors[rule.name] else {
        throw target.unknown(tensor, rule.name.removing(exactSuffix: ".weight") ?? rule.name, file.url)
      }
      modules.append(
        AdapterModule(
          weight: weight, a: tensor, b: try rule.read([other])[0].renamed(other.name),
          scale: try scale(rank: tensor.shape.first ?? 0)))
    }
    return modules
  }

  /// The factor of a product; an alpha of 0 stands for none, as in llama.cpp.
  private func scale(rank: Int) throws(ModelError) -> Float {
    alpha == 0 ? 1 : Float(alpha / Double(max(1, rank)))
  }
}

extension Dialects {
  /// The names and layouts of a family's tensors in files of an architecture; `nil` where those are no models of the
  /// family.
  fileprivate static func rules(of family: any ModelFamily, _ architecture: String) -> [TensorRule]? {
    let known = all.filter { $0.architectures.contains { $0.isExactly(architecture) } }
    return known.lazy.compactMap { $0.rules(ofAny: family) }.first
  }
}

extension Dialect {
  fileprivate static func rules(ofAny family: any ModelFamily) -> [TensorRule]? {
    (family as? Family).map { rules($0).expanded(layers: $0.layerCount) }
  }
}

extension TensorRule {
  /// Whether the rule leaves the columns of a matrix as they are, and treats the rows of one of any width alike.
  fileprivate func keepsColumns(readingFrom target: AdapterTarget) -> Bool {
    switch form {
    case .same, .pairs: true
    case .scaled: target.isForeign
    default: false
    }
  }
}

extension AdapterTarget {
  /// Whether files of llama.cpp hold the products of a tensor and a factor.
  func isScaled(_ name: String) -> Bool {
    let all = Dialects.all.lazy.compactMap { $0.rules(ofAny: family) }.flatMap(\.self)
    return all.contains { rule in
      if case .scaled = rule.form { rule.name.isExactly(name) } else { false }
    }
  }
}
