internal import Foundation
internal import InferText

extension GGUF {
  /// Keys by which the parts of a file know each other.
  private static let (countKey, numberKey, tensorsKey) = ("split.count", "split.no", "split.tensors.count")
  /// Parts at most.
  private static let mostParts = 1000

  /// Reads a file, and where it is the first of several parts, the parts beside it, as one file.
  ///
  /// Parts are named `NAME-00001-of-00003.gguf`. Metadata are those of the first.
  ///
  /// - Parameter first: the file, or the first part.
  /// - Throws: ``ModelError`` that names the part that is missing, malformed, or not what its name says.
  package init(withParts first: MappedFile) throws(ModelError) {
    let head = try GGUF(first)
    guard let count = try head.integer(Self.countKey), count > 1 else {
      self = head
      return
    }
    guard count <= Self.mostParts else { throw head.wrong(Self.countKey, "\(count)", "at most \(Self.mostParts)") }
    let number = try head.integer(Self.numberKey) ?? 0
    guard number == 0 else {
      throw head.wrong(Self.numberKey, "\(number)", "0: this is part \(number + 1) of \(count), expected the first")
    }
    let suffix = Self.suffix(0, of: count)
    guard let name = first.url.lastPathComponent.removing(exactSuffix: suffix) else {
      throw .malformed(
        at: first.url, reason: "is the first of \(count) parts, expected a name that ends in \(suffix)")
    }
    let folder = first.url.deletingLastPathComponent()
    var tensors = head.tensors
    var names = Set(tensors.map { ExactText($0.name) })
    for number in 1..<count {
      let part = try GGUF(MappedFile(at: folder.appending(component: name + Self.suffix(number, of: count))))
      try part.expect(number: number, of: count)
      for tensor in part.tensors where !names.insert(tensor.name) {
        throw .tensor(name: tensor.name, reason: "is in \(part.url.displayPath) and in a part before it")
      }
      tensors += part.tensors
    }
    if let expected = try head.integer(Self.tensorsKey), expected != tensors.count {
      throw head.wrong(Self.tensorsKey, "\(expected)", "\(tensors.count), which is how many the parts hold")
    }
    self.init(at: head.url, metadata: head.metadata, tensors: tensors)
  }

  /// The end of the name of part `number` of `count`, behind the name that all parts begin with.
  private static func suffix(_ number: Int, of count: Int) -> String {
    func digits(_ value: Int) -> String { String(String(100_000 + value).dropFirst()) }
    return "-\(digits(number + 1))-of-\(digits(count)).gguf"
  }

  private func expect(number: Int, of count: Int) throws(ModelError) {
    for (key, expected) in [(Self.numberKey, number), (Self.countKey, count)] {
      let found = try integer(key)
      guard found == expected else {
        throw wrong(key, found.map { String($0) } ?? "missing", "\(expected), as its name says")
      }
    }
  }

  private func integer(_ key: String) throws(ModelError) -> Int? {
    guard let value = metadata[key] else { return nil }
    guard let count = value.count else { throw wrong(key, value.kind, "a count") }
    return count
  }

  private func wrong(_ key: String, _ found: String, _ expected: String) -> ModelError {
    .malformed(at: url, reason: "metadata \(key) is \(found), expected \(expected)")
  }
}
