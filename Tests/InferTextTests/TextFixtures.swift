import Foundation
import InferText
import TestSupport

/// Where the test data of this folder lies.
enum TextFixtures {
  private static let repository = URL(filePath: #filePath).resolvingSymlinksInPath()
    .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

  static let folder = repository.appending(path: "Tests/Fixtures/text")

  /// Data too large for the repository: the folder that the environment variable names, or a sibling of the
  /// repository. It need not exist.
  static let shared =
    ProcessInfo.processInfo.environment["SHARED_FIXTURES"].map { URL(filePath: $0) }
    ?? repository.deletingLastPathComponent().appending(path: "shared")

  static func exists(_ url: URL) -> Bool { FileManager.default.fileExists(atPath: url.path) }

  static func json(_ url: URL) throws -> JSONValue { try JSONValue(parsing: Array(Data(contentsOf: url))) }
}

extension String {
  /// Random text that mixes alphabets, marks, emoji, white space and arbitrary scalars.
  static func random(upTo count: Int, using random: inout SeededGenerator) -> String {
    let ranges: [ClosedRange<UInt32>] = [
      0x20...0x7E, 0x20...0x7E, 0xA0...0x24F, 0x300...0x36F, 0x4E00...0x4FFF, 0x1F400...0x1F64F, 0x9...0xD,
      0x1100...0x11FF, 0x2000...0x200F, 0x0...0x10FFFF,
    ]
    var text = String.UnicodeScalarView()
    for _ in 0..<Int.random(in: 0...count, using: &random) {
      let range = ranges[Int.random(in: 0..<ranges.count, using: &random)]
      if let scalar = Unicode.Scalar(UInt32.random(in: range, using: &random)) { text.append(scalar) }
    }
    return String(text)
  }
}

extension JSONValue {
  /// This document with the value at `path` (keys, or indices in arrays) replaced, or removed by nil.
  func setting(_ path: [String], to value: JSONValue?) -> JSONValue {
    guard let step = path.first else { return value ?? .null }
    let rest = Array(path.dropFirst())
    if case .array(var elements) = self, let index = Int(step), elements.indices.contains(index) {
      elements[index] = elements[index].setting(rest, to: value)
      return .array(elements)
    }
    guard case .object = self else { return self }
    var copy = self
    copy[step] = rest.isEmpty ? value : (self[step] ?? [:]).setting(rest, to: value)
    return copy
  }

  /// The path of some value inside, deep ones as likely as shallow ones.
  func randomPath(using random: inout SeededGenerator) -> [String] {
    let keys = self.array.map { $0.indices.map(String.init) } ?? self.keys
    guard let key = keys.randomElement(using: &random), Int.random(in: 0..<4, using: &random) > 0 else { return [] }
    let child = self[key] ?? Int(key).flatMap { self[$0] } ?? .null
    return [key] + child.randomPath(using: &random)
  }

  /// This byte-level tokenizer with another splitting pattern.
  func replacingPattern(_ pattern: String) -> JSONValue {
    setting(["pre_tokenizer", "pretokenizers", "0", "pattern", "Regex"], to: .string(pattern))
  }
}
